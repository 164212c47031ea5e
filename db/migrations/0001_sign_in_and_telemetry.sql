CREATE TYPE "public"."role" AS ENUM('viewer', 'operator', 'admin');--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"role" "role" NOT NULL,
	"digest" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "api_keys_name_unique" UNIQUE("name"),
	CONSTRAINT "api_keys_digest_unique" UNIQUE("digest")
);
--> statement-breakpoint
CREATE TABLE "audit_log" (
	"id" uuid PRIMARY KEY NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"actor" text NOT NULL,
	"role" "role",
	"action" text NOT NULL,
	"target" text,
	"outcome" text NOT NULL,
	"fields" jsonb
);
--> statement-breakpoint
CREATE TABLE "metric_points" (
	"tier_seconds" integer NOT NULL,
	"metric" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"instance_id" uuid NOT NULL,
	"agent" text DEFAULT '' NOT NULL,
	"count" integer NOT NULL,
	"sum" double precision NOT NULL,
	"min" double precision NOT NULL,
	"max" double precision NOT NULL,
	"p50" double precision,
	"p95" double precision,
	CONSTRAINT "metric_points_tier_seconds_metric_at_instance_id_agent_pk" PRIMARY KEY("tier_seconds","metric","at","instance_id","agent")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"digest" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"role" "role" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "spans" (
	"trace_id" text NOT NULL,
	"span_id" text NOT NULL,
	"parent_span_id" text,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"duration_us" bigint NOT NULL,
	"status" text NOT NULL,
	"status_message" text,
	"attributes" jsonb,
	"events" jsonb,
	"dispatch_id" uuid,
	"job_id" uuid,
	"instance_id" uuid,
	CONSTRAINT "spans_started_at_trace_id_span_id_pk" PRIMARY KEY("started_at","trace_id","span_id")
) PARTITION BY RANGE ("started_at");
--> statement-breakpoint
CREATE TABLE "spans_default" PARTITION OF "spans" DEFAULT;
--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "failure_fingerprint" text;--> statement-breakpoint
CREATE INDEX "audit_log_at" ON "audit_log" USING btree ("at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "sessions_expiry" ON "sessions" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "spans_trace" ON "spans" USING btree ("trace_id");--> statement-breakpoint
CREATE INDEX "spans_dispatch" ON "spans" USING btree ("dispatch_id");--> statement-breakpoint
CREATE INDEX "jobs_state" ON "jobs" USING btree ("state","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "jobs_agent" ON "jobs" USING btree ("agent","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "jobs_room" ON "jobs" USING btree ("room","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "jobs_failed" ON "jobs" USING btree ("ended_at" DESC NULLS FIRST,"failure_fingerprint") WHERE "jobs"."state" = 'failed';