ALTER TABLE "bulk_operations" ADD COLUMN "done" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "bulk_operations" ADD COLUMN "failed" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "bulk_operations" ADD COLUMN "skipped" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "instance_agents" ADD COLUMN "worker" jsonb;--> statement-breakpoint
CREATE INDEX "dispatches_failed" ON "dispatches" USING btree ("created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE "dispatches"."failure_code" is not null;--> statement-breakpoint
UPDATE "bulk_operations" o SET "done" = c."done", "failed" = c."failed", "skipped" = c."skipped" FROM (
	SELECT "operation_id", count(*) FILTER (WHERE "state" = 'done') AS "done", count(*) FILTER (WHERE "state" = 'failed') AS "failed",
		count(*) FILTER (WHERE "state" = 'skipped') AS "skipped" FROM "bulk_items" GROUP BY "operation_id"
) c WHERE c."operation_id" = o."id";
