/** openapi.json, made from the zod schemas that validate the requests. */
import { z } from "zod";
import { ROLES } from "../../db/schema/states.ts";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponsesObject } from "zod-openapi";
import { explanationSchema } from "../../core/dispatch/dispatch_explanation.ts";
import {
  bulkItemViewSchema,
  bulkOperationViewSchema,
  bulkPreviewSchema,
  bulkRequestSchema,
} from "../../core/dispatch/bulk/bulk_request.ts";
import { dispatchRequestSchema, retryRequestSchema, waitQuerySchema } from "../../core/dispatch/dispatch_request.ts";
import { dispatchViewSchema, jobDetailsSchema, jobViewSchema } from "../../core/dispatch/dispatch_view.ts";
import { ruleChangeSchema, ruleRequestSchema, ruleViewSchema } from "../../core/dispatch/rules/rule_schema.ts";
import { drainRequestSchema } from "./instance_actions.ts";
import {
  auditListQuerySchema,
  bulkItemQuerySchema,
  bulkListQuerySchema,
  dispatchListQuerySchema,
  failureGroupQuerySchema,
  jobListQuerySchema,
  logListQuerySchema,
  lossListQuerySchema,
  ruleListQuerySchema,
} from "./list.ts";
import { lossViewSchema } from "./loss_views.ts";
import { keyRequestSchema, keyViewSchema, newKeyViewSchema } from "./key_views.ts";
import { checkReport, roomView, settingsReport } from "./operation_schemas.ts";
import { problemSchema } from "./problem.ts";
import { profileQuerySchema } from "./profile_answer.ts";
import { tokenRequestSchema, tokenViewSchema } from "./token_views.ts";

const id = z.object({ id: z.uuid() });
const anything = z.record(z.string(), z.unknown());
const logLine = z.object({
  id: z.int(),
  at: z.iso.datetime(),
  jobId: z.uuid(),
  attempt: z.int(),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
  fields: anything.nullable(),
}).meta({ id: "LogLine" });

const auditRow = z.object({
  id: z.uuid(),
  at: z.iso.datetime(),
  actor: z.string().meta({ description: "rest:<key name>, dashboard:<name> or anonymous." }),
  role: z.enum(ROLES).nullable(),
  action: z.string(),
  target: z.string().nullable(),
  outcome: z.enum(["ok", "refused", "failed"]),
  fields: anything.nullable(),
}).meta({ id: "AuditEntry" });

function json(schema: z.ZodType, description: string) {
  return { description, content: { "application/json": { schema } } };
}

const eventStream = {
  description: "Events with ids, for Last-Event-ID; `gap` says that some were missed.",
  content: { "text/event-stream": { schema: z.string() } },
};

const download = {
  description: "A .cpuprofile, .heapprofile or .heapsnapshot.",
  content: { "application/octet-stream": { schema: z.string() } },
};

function pageOf(schema: z.ZodType, description: string) {
  return json(z.object({ items: z.array(schema), nextCursor: z.string().nullable() }), description);
}

function operation(
  summary: string,
  responses: ZodOpenApiResponsesObject,
  rest: Partial<ZodOpenApiOperationObject> = {},
): ZodOpenApiOperationObject {
  const problems = {
    default: {
      description: "What went wrong, and what to do.",
      content: { "application/problem+json": { schema: problemSchema } },
    },
  };
  return { summary, ...rest, responses: { ...responses, ...problems } };
}

function body(schema: z.ZodType) {
  return { requestBody: { required: true, content: { "application/json": { schema } } } };
}

export function openapiDocument(version: string) {
  return createDocument({
    openapi: "3.1.0",
    info: { title: "Greenroom", version, description: "Dispatch LiveKit agents, and see what became of them." },
    security: [{ apiKey: [] }],
    components: { securitySchemes: { apiKey: { type: "http", scheme: "bearer" } } },
    paths: {
      "/api/v1/dispatches": {
        post: operation("Ask for an agent in a room", {
          "201": json(dispatchViewSchema, "Stored and, if waited for, reached."),
          "200": json(dispatchViewSchema, "The dispatch that the idempotency key or oneAgentPerRoom stands for."),
        }, { requestParams: { query: waitQuerySchema }, ...body(dispatchRequestSchema) }),
        get: operation("Dispatches, newest first", { "200": pageOf(dispatchViewSchema, "A page.") }, {
          requestParams: { query: dispatchListQuerySchema },
        }),
      },
      "/api/v1/dispatches/{id}": {
        get: operation("One dispatch with its jobs", { "200": json(dispatchViewSchema, "The dispatch.") }, {
          requestParams: { path: id },
        }),
        delete: operation("Cancel a dispatch", {
          "202": json(dispatchViewSchema, "Its job is being told to end."),
          "200": json(dispatchViewSchema, "It waited and is cancelled, or it had ended before."),
        }, { requestParams: { path: id } }),
      },
      "/api/v1/dispatches/{id}/retry": {
        post: operation(
          "A new dispatch like this ended one",
          { "201": json(dispatchViewSchema, "The new dispatch.") },
          {
            requestParams: { path: id, query: waitQuerySchema },
            ...body(retryRequestSchema),
          },
        ),
      },
      "/api/v1/dispatches/{id}/events": {
        get: operation("What happens to a dispatch, from its request to its end, as server-sent events", {
          "200": eventStream,
          "204": { description: "It has ended and the client, which sent Last-Event-ID, has seen that." },
        }, { requestParams: { path: id } }),
      },
      "/api/v1/dispatches/{id}/explain": {
        get: operation("Why each job was placed where it was, or why the dispatch waits", {
          "200": json(explanationSchema, "The instances that came into question, and what spoke against each."),
        }, { requestParams: { path: id } }),
      },
      "/api/v1/dispatches/{id}/trace": {
        get: operation("The spans of a dispatch, oldest first", { "200": json(anything, "Its trace.") }, {
          requestParams: { path: id },
        }),
      },
      "/api/v1/tokens": {
        post: operation(
          "A token for a person to join a room, and an agent with it if asked",
          { "201": json(tokenViewSchema, "The token.") },
          body(tokenRequestSchema),
        ),
      },
      "/api/v1/events": {
        get: operation("Live updates of some topics, as server-sent events", { "200": eventStream }, {
          requestParams: { query: z.object({ topics: z.string(), lastEventId: z.string().optional() }) },
        }),
      },
      "/api/v1/overview": {
        get: operation("Headroom, queue, the last hour, instances, agents and problems", {
          "200": json(anything, "At most a second old."),
        }),
      },
      "/api/v1/metrics-history": {
        get: operation("History of load and latencies, for charts", { "200": json(anything, "One line per metric.") }, {
          requestParams: {
            query: z.object({
              metrics: z.string(),
              since: z.iso.datetime().optional(),
              until: z.iso.datetime().optional(),
              instanceId: z.uuid().optional(),
              agent: z.string().optional().meta({ description: "Its lines and those of whole instances; else all." }),
            }),
          },
        }),
      },
      "/api/v1/jobs": {
        get: operation("Jobs, newest first", { "200": pageOf(jobViewSchema, "A page.") }, {
          requestParams: { query: jobListQuerySchema },
        }),
      },
      "/api/v1/jobs/{id}": {
        get: operation("One job", { "200": json(jobDetailsSchema, "The job.") }, { requestParams: { path: id } }),
      },
      "/api/v1/jobs/{id}/logs": {
        get: operation("Output of a job, oldest first, as a page or followed to its end", {
          "200": {
            description: "A page; or `log` and at last `end` as server-sent events, when Accept asks for them.",
            content: { ...pageOf(logLine, "").content, ...eventStream.content },
          },
          "204": { description: "It has ended and the client, which sent Last-Event-ID, has seen that." },
        }, {
          requestParams: { path: id, query: logListQuerySchema },
        }),
      },
      "/api/v1/jobs/{id}/cancel": {
        post: operation("Cancel a job and its dispatch", {
          "202": json(dispatchViewSchema, "It is being told to end."),
          "200": json(dispatchViewSchema, "It had ended before."),
        }, { requestParams: { path: id } }),
      },
      "/api/v1/rooms": {
        get: operation("Live rooms of the LiveKit server, who is in them, and which are silent", {
          "200": pageOf(roomView, "All rooms, oldest first; at most 2 s old."),
          "503": { description: "LiveKit can't be asked: the rooms are not known." },
        }),
      },
      "/api/v1/checks": {
        get: operation("What doctor checks, run now; at most 10 s old (operator)", {
          "200": json(checkReport, "Each check with its remedy."),
        }),
      },
      "/api/v1/settings": {
        get: operation("Settings with where each value comes from, secrets masked, and storage used (admin)", {
          "200": json(settingsReport, "All settings of the instance that answers."),
        }),
      },
      "/api/v1/jobs/{id}/profile": {
        post: operation("A profile of the job's process, for Chrome's developer tools (admin)", { "200": download }, {
          requestParams: { path: id, query: profileQuerySchema },
        }),
      },
      "/api/v1/instances/{id}/cordon": {
        post: operation("Take no new jobs; what runs goes on (operator)", {
          "202": json(anything, "The instance. Undone by uncordon."),
        }, { requestParams: { path: id } }),
      },
      "/api/v1/instances/{id}/uncordon": {
        post: operation("Take jobs again; a drain ends (operator)", { "202": json(anything, "The instance.") }, {
          requestParams: { path: id },
        }),
      },
      "/api/v1/instances/{id}/drain": {
        post: operation(
          "Take no new jobs; running ones may end until the deadline. Again: move the deadline (operator)",
          { "202": json(anything, "The instance; `drain.left` says what still runs.") },
          { requestParams: { path: id }, ...body(drainRequestSchema) },
        ),
      },
      "/api/v1/instances/{id}/profile": {
        post: operation("A profile of an instance's own process (admin)", { "200": download }, {
          requestParams: { path: id, query: profileQuerySchema },
        }),
      },
      "/api/v1/recovery": {
        get: operation("Orphaned jobs that this instance watches, crash breakers, and the last hour's losses", {
          "200": json(anything, "Now."),
        }),
      },
      "/api/v1/losses": {
        get: operation("Agents lost in their rooms, newest first, with the dead air", {
          "200": pageOf(lossViewSchema, "A page."),
        }, { requestParams: { query: lossListQuerySchema } }),
      },
      "/api/v1/audit": {
        get: operation("Who asked for which write, newest first (admin)", { "200": pageOf(auditRow, "A page.") }, {
          requestParams: { query: auditListQuerySchema },
        }),
      },
      "/api/v1/rules": {
        get: operation("Rules, oldest first; those that fit a room's name if asked", {
          "200": pageOf(ruleViewSchema, "All."),
        }, { requestParams: { query: ruleListQuerySchema } }),
        post: operation(
          "Make a rule: an agent for rooms, or for participants, that fit (operator)",
          { "201": json(ruleViewSchema, "The rule. It acts on what begins from now on.") },
          body(ruleRequestSchema),
        ),
      },
      "/api/v1/rules/{id}": {
        get: operation("One rule", { "200": json(ruleViewSchema, "The rule.") }, { requestParams: { path: id } }),
        patch: operation("Change a rule, or enable or disable it (operator)", {
          "200": json(ruleViewSchema, "The rule as it is now."),
        }, { requestParams: { path: id }, ...body(ruleChangeSchema) }),
        delete: operation("Delete a rule; its dispatches go on (operator)", {
          "200": json(ruleViewSchema, "It was this."),
        }, { requestParams: { path: id } }),
      },
      "/api/v1/failure-groups": {
        get: operation("Failed jobs grouped by error, the largest group first", {
          "200": pageOf(
            z.object({
              fingerprint: z.string(),
              kind: z.string(),
              message: z.string(),
              agents: z.array(z.string()),
              count: z.int(),
              lastAt: z.iso.datetime(),
              since: z.iso.datetime().meta({ description: "With the fingerprint it names the group to a bulk retry." }),
            }),
            "At most 50.",
          ),
        }, { requestParams: { query: failureGroupQuerySchema } }),
      },
      "/api/v1/bulk-operations": {
        get: operation("Bulk operations, newest first", {
          "200": pageOf(bulkOperationViewSchema, "One page; kept for 30 days after their end."),
        }, { requestParams: { query: bulkListQuerySchema } }),
        post: operation("Create, cancel or retry many dispatches (operator)", {
          "201": json(bulkOperationViewSchema, "It is worked off from now on, with these members."),
          "200": json(
            z.union([bulkPreviewSchema, bulkOperationViewSchema]),
            "Of a dry run what would be done; else the operation that has this id already.",
          ),
        }, body(bulkRequestSchema)),
      },
      "/api/v1/bulk-operations/{id}": {
        get: operation("One bulk operation, with its items and what became of each", {
          "200": json(
            bulkOperationViewSchema.extend({ items: z.array(bulkItemViewSchema), nextCursor: z.string().nullable() }),
            "In the order in which they are worked off.",
          ),
        }, { requestParams: { path: id, query: bulkItemQuerySchema } }),
      },
      "/api/v1/bulk-operations/{id}/abort": {
        post: operation("Do none of what waits in a bulk operation (operator)", {
          "200": json(bulkOperationViewSchema, "The operation as it is now; what was done stays done."),
        }, { requestParams: { path: id } }),
      },
      "/api/v1/keys": {
        get: operation("API keys beside the admin key, newest first (admin)", { "200": pageOf(keyViewSchema, "All.") }),
        post: operation(
          "Make an API key (admin)",
          { "201": json(newKeyViewSchema, "The key, shown this once.") },
          body(keyRequestSchema),
        ),
      },
      "/api/v1/keys/{id}": {
        delete: operation("Revoke an API key and end its sessions (admin)", {
          "200": json(keyViewSchema, "It is revoked."),
        }, { requestParams: { path: id } }),
      },
      "/api/v1/agents": {
        get: operation("Agents of the fleet, with their figures on each instance", {
          "200": pageOf(anything, "All agents. Of other instances: as they last said, `ageMs` ago; null: unknown."),
        }),
      },
      "/api/v1/workers": {
        get: operation("Workers of the fleet with their connections and what they declined", {
          "200": pageOf(anything, "All workers. Of other instances: as they last said, `ageMs` ago; null: unknown."),
        }),
      },
      "/api/v1/instances": {
        get: operation("Instances", { "200": pageOf(anything, "All, newest first, with their agents.") }),
      },
      "/health": {
        get: operation("Whether the process lives", { "200": json(anything, "It does.") }, { security: [] }),
      },
      "/ready": {
        get: operation("Whether it can serve", {
          "200": json(anything, "It can."),
          "503": json(anything, "Starting, draining, or without database."),
        }, { security: [] }),
      },
    },
  });
}
