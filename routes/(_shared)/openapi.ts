/** openapi.json, made from the zod schemas that validate the requests. */
import { z } from "zod";
import { ROLES } from "../../db/schema/states.ts";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponsesObject } from "zod-openapi";
import { dispatchRequestSchema, retryRequestSchema, waitQuerySchema } from "../../core/dispatch/dispatch_request.ts";
import { dispatchViewSchema, jobViewSchema } from "../../core/dispatch/dispatch_view.ts";
import { auditListQuerySchema, dispatchListQuerySchema, jobListQuerySchema, logListQuerySchema } from "./list.ts";
import { keyRequestSchema, keyViewSchema, newKeyViewSchema } from "./key_views.ts";
import { problemSchema } from "./problem.ts";

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
          "200": json(dispatchViewSchema, "The dispatch that the idempotency key stands for."),
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
      "/api/v1/dispatches/{id}/trace": {
        get: operation("The spans of a dispatch, oldest first", { "200": json(anything, "Its trace.") }, {
          requestParams: { path: id },
        }),
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
        get: operation("One job", { "200": json(jobViewSchema, "The job.") }, { requestParams: { path: id } }),
      },
      "/api/v1/jobs/{id}/logs": {
        get: operation("Output of a job, oldest first", { "200": pageOf(logLine, "A page.") }, {
          requestParams: { path: id, query: logListQuerySchema },
        }),
      },
      "/api/v1/jobs/{id}/cancel": {
        post: operation("Cancel a job and its dispatch", {
          "202": json(dispatchViewSchema, "It is being told to end."),
          "200": json(dispatchViewSchema, "It had ended before."),
        }, { requestParams: { path: id } }),
      },
      "/api/v1/audit": {
        get: operation("Who asked for which write, newest first (admin)", { "200": pageOf(auditRow, "A page.") }, {
          requestParams: { query: auditListQuerySchema },
        }),
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
      "/api/v1/agents": { get: operation("Agents and their slots", { "200": pageOf(anything, "All agents.") }) },
      "/api/v1/workers": {
        get: operation("Worker connections", { "200": pageOf(anything, "All workers of this instance.") }),
      },
      "/api/v1/instances": { get: operation("Instances", { "200": pageOf(anything, "All instances, newest first.") }) },
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
