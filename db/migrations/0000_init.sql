CREATE TYPE "public"."dispatch_origin" AS ENUM('rest', 'dashboard', 'livekit', 'rule', 'retry');--> statement-breakpoint
CREATE TYPE "public"."dispatch_placement" AS ENUM('direct', 'livekit');--> statement-breakpoint
CREATE TYPE "public"."dispatch_priority" AS ENUM('urgent', 'high', 'normal', 'low');--> statement-breakpoint
CREATE TYPE "public"."dispatch_state" AS ENUM('queued', 'placed', 'running', 'succeeded', 'failed', 'cancelled', 'expired');--> statement-breakpoint
CREATE TYPE "public"."instance_state" AS ENUM('starting', 'running', 'draining', 'stopped', 'lost');--> statement-breakpoint
CREATE TYPE "public"."job_isolation" AS ENUM('process', 'inline');--> statement-breakpoint
CREATE TYPE "public"."job_state" AS ENUM('created', 'assigned', 'running', 'succeeded', 'failed', 'cancelled');--> statement-breakpoint
CREATE TYPE "public"."log_level" AS ENUM('debug', 'info', 'warn', 'error');--> statement-breakpoint
CREATE TYPE "public"."transition_subject" AS ENUM('dispatch', 'job');--> statement-breakpoint
CREATE TABLE "agents" (
	"name" text PRIMARY KEY NOT NULL,
	"file" text NOT NULL,
	"is_broken" boolean NOT NULL,
	"error" text,
	"descriptor" jsonb,
	"first_seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dispatches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"agent" text NOT NULL,
	"server" text NOT NULL,
	"room" text NOT NULL,
	"state" "dispatch_state" NOT NULL,
	"priority" "dispatch_priority" DEFAULT 'normal' NOT NULL,
	"placement" "dispatch_placement" NOT NULL,
	"origin" "dispatch_origin" NOT NULL,
	"retry_of" uuid,
	"livekit_dispatch_id" text,
	"metadata" jsonb,
	"traceparent" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"rank_at" timestamp (3) with time zone NOT NULL,
	"not_before" timestamp (3) with time zone,
	"waiting_reason" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"assigned_at" timestamp (3) with time zone,
	"entered_at" timestamp (3) with time zone,
	"connected_at" timestamp (3) with time zone,
	"ready_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"failure_code" text,
	"failure_message" text,
	"failure_remedy" text,
	"change_id" uuid NOT NULL,
	CONSTRAINT "dispatches_ended" CHECK (("dispatches"."state" in ('succeeded', 'failed', 'cancelled', 'expired')) = ("dispatches"."ended_at" is not null)),
	CONSTRAINT "dispatches_failure" CHECK ("dispatches"."state" <> 'failed' or "dispatches"."failure_code" is not null)
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"key" text PRIMARY KEY NOT NULL,
	"body_hash" text NOT NULL,
	"dispatch_id" uuid NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "instances" (
	"id" uuid PRIMARY KEY NOT NULL,
	"hostname" text NOT NULL,
	"pid" integer NOT NULL,
	"version" text NOT NULL,
	"state" "instance_state" NOT NULL,
	"max_jobs" integer NOT NULL,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"heartbeat_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "job_details" (
	"job_id" uuid PRIMARY KEY NOT NULL,
	"failure_stack" text,
	"dropped_log_lines" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "job_logs" (
	"id" bigserial NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"job_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"level" "log_level" NOT NULL,
	"message" text NOT NULL,
	"fields" jsonb,
	CONSTRAINT "job_logs_at_id_pk" PRIMARY KEY("at","id")
) PARTITION BY RANGE ("at");
--> statement-breakpoint
CREATE TABLE "job_logs_default" PARTITION OF "job_logs" DEFAULT;
--> statement-breakpoint
CREATE TABLE "jobs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"dispatch_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"agent" text NOT NULL,
	"server" text NOT NULL,
	"room" text NOT NULL,
	"participant" text,
	"state" "job_state" NOT NULL,
	"isolation" "job_isolation" DEFAULT 'process' NOT NULL,
	"instance_id" uuid NOT NULL,
	"worker_id" uuid,
	"participant_identity" text NOT NULL,
	"livekit_job_id" text,
	"pid" integer,
	"lease_token" uuid NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"assigned_at" timestamp (3) with time zone,
	"entered_at" timestamp (3) with time zone,
	"connected_at" timestamp (3) with time zone,
	"ready_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"end_reason" text,
	"failure_kind" text,
	"failure_message" text,
	"exit_code" integer,
	"signal" text,
	"change_id" uuid NOT NULL,
	CONSTRAINT "jobs_ended" CHECK (("jobs"."state" in ('succeeded', 'failed', 'cancelled')) = ("jobs"."ended_at" is not null)),
	CONSTRAINT "jobs_failure" CHECK ("jobs"."state" <> 'failed' or "jobs"."failure_kind" is not null)
);
--> statement-breakpoint
CREATE TABLE "transitions" (
	"id" uuid NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"subject" "transition_subject" NOT NULL,
	"dispatch_id" uuid NOT NULL,
	"job_id" uuid,
	"from_state" text,
	"to_state" text NOT NULL,
	"cause" text NOT NULL,
	"actor" text NOT NULL,
	"change_id" uuid NOT NULL,
	CONSTRAINT "transitions_at_id_pk" PRIMARY KEY("at","id")
) PARTITION BY RANGE ("at");
--> statement-breakpoint
CREATE TABLE "transitions_default" PARTITION OF "transitions" DEFAULT;
--> statement-breakpoint
CREATE TABLE "workers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"server" text NOT NULL,
	"agent" text NOT NULL,
	"job_type" text NOT NULL,
	"livekit_worker_id" text,
	"state" text NOT NULL,
	"last_close_code" integer,
	"last_error" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"changed_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "job_details" ADD CONSTRAINT "job_details_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_dispatch_id_dispatches_id_fk" FOREIGN KEY ("dispatch_id") REFERENCES "public"."dispatches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workers" ADD CONSTRAINT "workers_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "dispatches_queue" ON "dispatches" USING btree ("agent","rank_at") WHERE "dispatches"."state" = 'queued' and "dispatches"."placement" = 'direct';--> statement-breakpoint
CREATE INDEX "dispatches_created" ON "dispatches" USING btree ("created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "dispatches_live" ON "dispatches" USING btree ("server","room") WHERE "dispatches"."state" in ('queued', 'placed', 'running');--> statement-breakpoint
CREATE UNIQUE INDEX "dispatches_livekit_id" ON "dispatches" USING btree ("server","livekit_dispatch_id") WHERE "dispatches"."livekit_dispatch_id" is not null;--> statement-breakpoint
CREATE INDEX "idempotency_keys_expiry" ON "idempotency_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "job_logs_job" ON "job_logs" USING btree ("job_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "jobs_live" ON "jobs" USING btree ("dispatch_id",coalesce("participant", '')) WHERE "jobs"."state" in ('created', 'assigned', 'running');--> statement-breakpoint
CREATE UNIQUE INDEX "jobs_livekit_id" ON "jobs" USING btree ("server","livekit_job_id") WHERE "jobs"."livekit_job_id" is not null;--> statement-breakpoint
CREATE INDEX "jobs_dispatch" ON "jobs" USING btree ("dispatch_id");--> statement-breakpoint
CREATE INDEX "jobs_instance_live" ON "jobs" USING btree ("instance_id") WHERE "jobs"."state" in ('created', 'assigned', 'running');--> statement-breakpoint
CREATE INDEX "jobs_created" ON "jobs" USING btree ("created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "transitions_dispatch" ON "transitions" USING btree ("dispatch_id","at");