DROP INDEX "jobs_failed";--> statement-breakpoint
CREATE INDEX "dispatches_agent" ON "dispatches" USING btree ("agent","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "dispatches_agent_state" ON "dispatches" USING btree ("agent","state","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE "dispatches"."state" in ('failed', 'cancelled', 'expired');--> statement-breakpoint
CREATE INDEX "jobs_failed" ON "jobs" USING btree ("ended_at" DESC NULLS FIRST,"failure_fingerprint","failure_kind","agent") WHERE "jobs"."state" = 'failed';