/** Does with its context what it is told by data messages on topic "do" ({ id, call, args }), and answers on topic "did". */
import { ControlPlaneError, defineAgent, type JobContext, type Leadership } from "greenroom";

// deno-lint-ignore no-explicit-any -- a test's message says what it wants
type Args = any[];

const leaderships = new Map<string, Leadership>();

const CALLS: Record<string, (ctx: JobContext, ...args: Args) => unknown> = {
  job: (ctx) => ctx.job,
  list: async (ctx) => (await ctx.api.listParticipants()).map(({ identity }) => identity),
  get: (ctx, identity) => ctx.api.getParticipant(identity),
  remove: (ctx, identity) => ctx.api.removeParticipant(identity),
  update: (ctx, identity, changes) => ctx.api.updateParticipant(identity, changes),
  mute: (ctx, identity, trackSid) => ctx.api.muteTrack(identity, trackSid, true),
  roomMetadata: async (ctx, text) => {
    await ctx.api.updateRoomMetadata(text);
    return true;
  },
  send: (ctx, topic, text, to) => ctx.api.sendData(text, { topic, to }),
  deleteRoom: (ctx) => ctx.deleteRoom(),
  save: (ctx, data) => ctx.checkpoint.save(data),
  saveLarge: (ctx, characters) => ctx.checkpoint.save("x".repeat(characters)),
  load: (ctx) => ctx.checkpoint.load(),
  progress: (ctx, value) => ctx.progress(value),
  count: (ctx, name, count, labels) => ctx.metrics.counter(name).add(count, labels),
  gauge: (ctx, name, value) => ctx.metrics.gauge(name).set(value),
  publish: (ctx, topic, data, scope) => ctx.publish(topic, data, { scope }),
  subscribe: async (ctx, topic, scope) => {
    const forward = (data: unknown) => answer(ctx, "heard", data);
    await ctx.subscribe(topic, ({ data, from }) => forward({ data, from: from.jobId, to: ctx.job.id }), { scope });
    return true;
  },
  elect: async (ctx, name) => {
    const leadership = await ctx.electLeader(name);
    leaderships.set(name, leadership);
    return leadership.isLeader;
  },
  leads: (_, name) => leaderships.get(name)?.isLeader ?? false,
  beat: (ctx) => ctx.heartbeat(),
  end: (ctx) => ctx.shutdown("told to"),
};

export default defineAgent({
  name: "toolbox",
  heartbeatTimeoutMs: 400,
  participant: { name: "Toolbox", attributes: { kind: "tool" } },
  identity: "toolbox-{room}-{jobId}",
  middleware: [async (ctx, next) => {
    ctx.log.info("middleware before");
    await next();
    ctx.log.info("middleware after");
  }],
  entry: async (ctx) => {
    ctx.room.on("dataReceived", (payload, _participant, _kind, topic) => {
      if (topic !== "do") return;
      const { id, to, call, args } = JSON.parse(new TextDecoder().decode(payload));
      if (to !== undefined && to !== ctx.job.id) return;
      Promise.try(() => CALLS[call]?.(ctx, ...args)).then(
        (value) => answer(ctx, "did", { id, value: value ?? null }),
        (error) => answer(ctx, "did", { id, code: error instanceof ControlPlaneError ? error.code : String(error) }),
      ).catch((error) => ctx.log.error("could not answer", { error }));
    });
    ctx.onParticipant((_, participant, signal) => {
      ctx.log.info(`entry for ${participant.identity}`);
      signal.addEventListener("abort", () => ctx.log.info(`gone: ${participant.identity}`));
      if (participant.identity.startsWith("trouble")) throw new Error("on purpose");
    });
    await ctx.connect();
    await ctx.ended;
  },
});

async function answer(ctx: JobContext, topic: string, value: unknown): Promise<void> {
  const payload = new TextEncoder().encode(JSON.stringify(value));
  await ctx.room.localParticipant?.publishData(payload, { reliable: true, topic });
}
