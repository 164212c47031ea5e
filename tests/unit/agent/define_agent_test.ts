import assert from "node:assert/strict";
import { z } from "zod";
import { defineAgent, isAgentDefinition } from "../../../core/agent/define_agent.ts";
import { agentDescriptorSchema, describeAgent } from "../../../core/agent/descriptor.ts";
import type { JobContext } from "../../../core/agent/job_context.ts";

const entry = () => {};
// deno-lint-ignore no-explicit-any -- tests hand in what the types forbid
const define = (options: any) => defineAgent(options);

Deno.test("defineAgent returns a definition that isAgentDefinition recognises", () => {
  assert.ok(isAgentDefinition(defineAgent({ name: "echo", entry })));
  for (const other of [null, undefined, {}, { kind: "other" }, entry]) assert.equal(isAgentDefinition(other), false);
});

Deno.test("defineAgent types ctx.metadata as the schema's output", () => {
  defineAgent({
    name: "typed",
    metadata: z.object({ customer: z.string(), tries: z.coerce.number().default(1) }),
    entry: (ctx) => {
      const customer: string = ctx.metadata.customer;
      const tries: number = ctx.metadata.tries;
      return void [customer, tries];
    },
  });
  defineAgent({ name: "untyped", entry: (ctx: JobContext<unknown>) => void ctx.metadata });
});

Deno.test("defineAgent names each wrong field and its value, all at once", () => {
  assert.throws(
    () =>
      define({
        name: "has space",
        jobType: "call",
        maxJobs: 0,
        readiness: "soon",
        metadata: { customer: "string" },
        permissions: { canPublish: "yes", canFly: true },
        osPermissions: { net: 3, env: ["OK", 1] },
        warmslots: 2,
      }),
    (error: Error) => {
      assert.ok(error instanceof TypeError);
      const expected = [
        'Cannot define agent "has space"',
        "warmslots is not an option here",
        "name must be 1 to 64 letters",
        'jobType must be "room" or "participant" or "publisher": current value is "call"',
        "maxJobs must be a whole number from 1 to 100000: current value is 0",
        'readiness must be "connected" or "explicit"',
        "metadata must be a zod schema",
        'permissions.canPublish must be true or false: current value is "yes"',
        "permissions.canFly is not an option here",
        "osPermissions.net must be true, false or hosts",
        "osPermissions.env must be a list of texts",
        "entry must be a function: current value is undefined",
      ];
      for (const part of expected) assert.ok(error.message.includes(part), `"${part}" is not in: ${error.message}`);
      return true;
    },
  );
});

Deno.test("defineAgent refuses what is no object, and every bad name", () => {
  for (const options of [undefined, null, 3, "echo", []]) assert.throws(() => define(options), TypeError);
  for (const name of ["", "-a", ".a", "a b", "ä", "a".repeat(65), 3]) {
    assert.throws(() => define({ name, entry }), /name must be/);
  }
  for (const name of ["a", "A.b_c-9", "a".repeat(64)]) define({ name, entry });
});

Deno.test("describeAgent gives plain JSON that fits its schema, null where the instance decides", () => {
  const descriptor = describeAgent(defineAgent({ name: "echo", entry }));
  assert.deepEqual(agentDescriptorSchema.parse(JSON.parse(JSON.stringify(descriptor))), descriptor);
  assert.deepEqual(descriptor, {
    name: "echo",
    jobType: "room",
    dispatch: "explicit",
    namespace: "",
    deployment: "",
    isolation: "process",
    jobsPerProcess: 1,
    warmSlots: null,
    maxJobs: null,
    memoryLimitMb: null,
    heapLimitMb: null,
    readiness: "connected",
    timeoutMs: null,
    aloneTimeoutMs: null,
    heartbeatTimeoutMs: null,
    shutdownGraceMs: null,
    recovery: { maxAttempts: null, maxAgeMs: null, backoff: { firstMs: null, factor: null, maxMs: null } },
    permissions: {
      canPublish: true,
      canSubscribe: true,
      canPublishData: true,
      canUpdateOwnMetadata: true,
      hidden: false,
    },
    identity: null,
    participant: { name: null, metadata: null, attributes: {} },
    osPermissions: { net: true, env: [], read: [] },
    metadataSchema: null,
    hasMetadataSchema: false,
    hasPrewarm: false,
    hooks: {
      accept: false,
      priority: false,
      load: false,
      decide: false,
      participant: false,
      onRecoveryAttempt: false,
      onRecovered: false,
      onRecoveryFailed: false,
    },
  });
});

Deno.test("describeAgent carries every option that is data, and says which hooks there are", () => {
  const agent = defineAgent({
    name: "full",
    jobType: "participant",
    dispatch: "automatic",
    namespace: "team-a",
    deployment: "staging",
    isolation: "process",
    jobsPerProcess: 10,
    memoryLimitMb: 512,
    heapLimitMb: 256,
    timeoutMs: 1_000,
    aloneTimeoutMs: 0,
    heartbeatTimeoutMs: 5_000,
    identity: "bot-{participant}",
    recovery: { maxAttempts: 3, maxAgeMs: 3_600_000, backoff: { firstMs: 0, factor: 2 }, decide: () => "RETRY" },
    participant: () => ({ name: "Bot" }),
    accept: () => true,
    priority: () => "high",
    load: () => 0.3,
    middleware: [(_, next) => next()],
    entry,
  });
  const descriptor = describeAgent(agent);
  assert.deepEqual(agentDescriptorSchema.parse(JSON.parse(JSON.stringify(descriptor))), descriptor);
  assert.deepEqual(descriptor.recovery, {
    maxAttempts: 3,
    maxAgeMs: 3_600_000,
    backoff: { firstMs: 0, factor: 2, maxMs: null },
  });
  const { namespace, deployment, jobsPerProcess, identity, aloneTimeoutMs, heartbeatTimeoutMs } = descriptor;
  assert.deepEqual([namespace, deployment, jobsPerProcess, identity, aloneTimeoutMs, heartbeatTimeoutMs], [
    ...["team-a", "staging", 10, "bot-{participant}", 0, 5_000],
  ]);
  const hooks = Object.entries(descriptor.hooks).filter(([, has]) => has).map(([name]) => name);
  assert.deepEqual(hooks, ["accept", "priority", "load", "decide", "participant"]);
});

Deno.test("defineAgent refuses bad values of the runtime's options, each by its path", () => {
  const bad: [Record<string, unknown>, RegExp][] = [
    [{ namespace: "a b" }, /namespace must be at most 64 printable/],
    [{ deployment: "my_stage" }, /deployment must not contain "_"/],
    [{ isolation: "thread" }, /isolation must be "process" or "inline"/],
    [{ jobsPerProcess: 0 }, /jobsPerProcess must be a whole number from 1/],
    [{ timeoutMs: 0 }, /timeoutMs must be a whole number from 1/],
    [{ heartbeatTimeoutMs: 1 }, /heartbeatTimeoutMs must be/],
    [
      { recovery: { maxAttempts: 0, backoff: { factor: 0.5 } } },
      /recovery\.maxAttempts must.*recovery\.backoff\.factor must/,
    ],
    [{ recovery: { decide: "RETRY" } }, /recovery\.decide must be a function/],
    [{ participant: { name: 3 } }, /participant\.name must be a text/],
    [{ participant: "Bot" }, /participant must be an object/],
    [{ identity: "{name}" }, /identity knows no \{name\}/],
    [{ middleware: [1] }, /middleware must be a list/],
    [{ accept: true }, /accept must be a function/],
  ];
  for (const [options, expected] of bad) assert.throws(() => define({ name: "a", entry, ...options }), expected);
});

Deno.test("describeAgent describes metadata as a dispatch must give it, with defaults and transforms", () => {
  const descriptor = describeAgent(defineAgent({
    name: "support",
    metadata: z.object({
      customer: z.string().min(1).describe("Who calls"),
      tries: z.number().default(3),
      since: z.string().transform((text) => new Date(text)),
    }),
    prewarm: entry,
    entry,
  }));
  assert.equal(descriptor.hasPrewarm, true);
  assert.equal(descriptor.hasMetadataSchema, true);
  const schema = descriptor.metadataSchema as { required: string[]; properties: Record<string, unknown> };
  assert.deepEqual(schema.required, ["customer", "since"]);
  assert.deepEqual(schema.properties.customer, { type: "string", minLength: 1, description: "Who calls" });
  assert.deepEqual(agentDescriptorSchema.parse(JSON.parse(JSON.stringify(descriptor))), descriptor);
});
