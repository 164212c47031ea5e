CREATE TABLE "breakers" (
	"agent" text PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"reason" text,
	"opened_at" timestamp (3) with time zone,
	"probe_at" timestamp (3) with time zone,
	"changed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "bulk_items" (
	"operation_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"dispatch_id" uuid,
	"request" jsonb,
	"state" text DEFAULT 'waiting' NOT NULL,
	"result_dispatch_id" uuid,
	"error_code" text,
	"error" text,
	"at" timestamp (3) with time zone,
	CONSTRAINT "bulk_items_operation_id_position_pk" PRIMARY KEY("operation_id","position")
);
--> statement-breakpoint
CREATE TABLE "bulk_operations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"state" text NOT NULL,
	"request" jsonb NOT NULL,
	"actor" text NOT NULL,
	"total" integer NOT NULL,
	"items_per_second" integer NOT NULL,
	"instance_id" uuid,
	"created_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "checkpoints" (
	"dispatch_id" uuid NOT NULL,
	"participant" text DEFAULT '' NOT NULL,
	"version" integer NOT NULL,
	"job_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"data" jsonb NOT NULL,
	"size_bytes" integer NOT NULL,
	"saved_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "checkpoints_dispatch_id_participant_version_pk" PRIMARY KEY("dispatch_id","participant","version")
);
--> statement-breakpoint
CREATE TABLE "instance_agents" (
	"instance_id" uuid NOT NULL,
	"agent" text NOT NULL,
	"state" text NOT NULL,
	"error" text,
	"version" text DEFAULT '' NOT NULL,
	"job_type" text DEFAULT 'room' NOT NULL,
	"namespace" text DEFAULT '' NOT NULL,
	"deployment" text DEFAULT '' NOT NULL,
	"max_jobs" integer,
	"used" integer DEFAULT 0 NOT NULL,
	"free" integer DEFAULT 0 NOT NULL,
	"warm" integer DEFAULT 0 NOT NULL,
	"is_admitting" boolean DEFAULT true NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "instance_agents_instance_id_agent_pk" PRIMARY KEY("instance_id","agent")
);
--> statement-breakpoint
CREATE TABLE "instance_commands" (
	"id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"payload" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"actor" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"taken_at" timestamp (3) with time zone,
	"done_at" timestamp (3) with time zone,
	"error" text
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" uuid NOT NULL,
	"token" uuid NOT NULL,
	"until" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "losses" (
	"id" uuid PRIMARY KEY NOT NULL,
	"dispatch_id" uuid NOT NULL,
	"job_id" uuid,
	"replaced_by" uuid,
	"agent" text NOT NULL,
	"server" text NOT NULL,
	"room" text NOT NULL,
	"cause" text NOT NULL,
	"was_human_there" boolean NOT NULL,
	"lost_at" timestamp (3) with time zone NOT NULL,
	"ready_at" timestamp (3) with time zone,
	"given_up_at" timestamp (3) with time zone,
	"dead_air_ms" integer
);
--> statement-breakpoint
CREATE TABLE "placement_decisions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"dispatch_id" uuid NOT NULL,
	"job_id" uuid,
	"instance_id" uuid NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"outcome" text NOT NULL,
	"decision" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rule_matches" (
	"rule_id" uuid NOT NULL,
	"room_sid" text NOT NULL,
	"participant_sid" text DEFAULT '' NOT NULL,
	"dispatch_id" uuid,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "rule_matches_rule_id_room_sid_participant_sid_pk" PRIMARY KEY("rule_id","room_sid","participant_sid")
);
--> statement-breakpoint
CREATE TABLE "rules" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"is_enabled" boolean DEFAULT true NOT NULL,
	"agent" text NOT NULL,
	"room_pattern" text NOT NULL,
	"event" text NOT NULL,
	"participant_kind" text,
	"participant_attributes" jsonb,
	"metadata" jsonb,
	"priority" "dispatch_priority",
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "rules_name_unique" UNIQUE("name")
);
--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "participant_identity" text;--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "region" text;--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "one_agent_per_room" text;--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "rule_id" uuid;--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "scheduled_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "deadline_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "region" text;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "zone" text;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "cordoned_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "drain_deadline_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "lease_token" uuid;--> statement-breakpoint
ALTER TABLE "job_details" ADD COLUMN "peak_memory_bytes" bigint;--> statement-breakpoint
ALTER TABLE "job_details" ADD COLUMN "cpu_ms" integer;--> statement-breakpoint
ALTER TABLE "job_details" ADD COLUMN "progress" jsonb;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "failure_class" text;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "retry_after_ms" integer;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "flags" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "human_seen_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "rescuer_id" uuid;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "rescue_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "workers" ADD COLUMN "namespace" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "workers" ADD COLUMN "deployment" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "workers" ADD COLUMN "load_ratio" double precision;--> statement-breakpoint
ALTER TABLE "bulk_items" ADD CONSTRAINT "bulk_items_operation_id_bulk_operations_id_fk" FOREIGN KEY ("operation_id") REFERENCES "public"."bulk_operations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_dispatch_id_dispatches_id_fk" FOREIGN KEY ("dispatch_id") REFERENCES "public"."dispatches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "instance_agents" ADD CONSTRAINT "instance_agents_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "instance_commands" ADD CONSTRAINT "instance_commands_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "losses" ADD CONSTRAINT "losses_dispatch_id_dispatches_id_fk" FOREIGN KEY ("dispatch_id") REFERENCES "public"."dispatches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "placement_decisions" ADD CONSTRAINT "placement_decisions_dispatch_id_dispatches_id_fk" FOREIGN KEY ("dispatch_id") REFERENCES "public"."dispatches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rule_matches" ADD CONSTRAINT "rule_matches_rule_id_rules_id_fk" FOREIGN KEY ("rule_id") REFERENCES "public"."rules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "bulk_items_waiting" ON "bulk_items" USING btree ("operation_id","position") WHERE "bulk_items"."state" = 'waiting';--> statement-breakpoint
CREATE INDEX "bulk_operations_running" ON "bulk_operations" USING btree ("created_at") WHERE "bulk_operations"."state" = 'running';--> statement-breakpoint
CREATE INDEX "instance_commands_waiting" ON "instance_commands" USING btree ("instance_id","created_at") WHERE "instance_commands"."taken_at" is null;--> statement-breakpoint
CREATE INDEX "losses_dispatch" ON "losses" USING btree ("dispatch_id");--> statement-breakpoint
CREATE INDEX "losses_lost" ON "losses" USING btree ("lost_at" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "placement_decisions_dispatch" ON "placement_decisions" USING btree ("dispatch_id","at");--> statement-breakpoint
CREATE INDEX "rule_matches_at" ON "rule_matches" USING btree ("at");--> statement-breakpoint
CREATE INDEX "dispatches_deadline" ON "dispatches" USING btree ("deadline_at") WHERE "dispatches"."state" in ('queued', 'placed') and "dispatches"."deadline_at" is not null;--> statement-breakpoint
CREATE INDEX "dispatches_not_before" ON "dispatches" USING btree ("not_before") WHERE "dispatches"."state" = 'queued' and "dispatches"."not_before" is not null;