/**
 * The echo agent of agents/echo.ts for agents-js, run by node: as job process it is imported for its default export, as
 * worker it is the main program. A job that has joined its room says so on stdout, by a control character and JSON:
 * { room, pid, readyAt }.
 */
import { fileURLToPath } from "node:url";

// Not as import statements: this repository's tools would miss packages that only the benchmark installs.
const [agents, rtc] = await Promise.all(["@livekit/agents", "@livekit/rtc-node"].map((name) => import(name)));
const { AgentServer, defineAgent, initializeLogger, ServerOptions } = agents;
const { AudioSource, AudioStream, LocalAudioTrack, TrackPublishOptions, TrackSource } = rtc;

const SAMPLE_RATE = 48_000;
const MAX_DELAY_MS = 200;

export default defineAgent({
  entry: async (ctx) => {
    ctx.room.on("trackSubscribed", (track) => {
      repeatAudio(ctx.room, track).catch((error) => console.error(error));
    });
    ctx.room.on("dataReceived", (payload, participant, _kind, topic) => {
      ctx.room.localParticipant?.publishData(payload, {
        reliable: true,
        topic,
        destination_identities: participant ? [participant.identity] : [],
      }).catch((error) => console.error(error));
    });
    await ctx.connect();
    const report = { room: ctx.job.room?.name, pid: process.pid, readyAt: performance.timeOrigin + performance.now() };
    process.stdout.write(`\u0002${JSON.stringify(report)}\n`);
  },
});

async function repeatAudio(room, track) {
  const source = new AudioSource(SAMPLE_RATE, 1, MAX_DELAY_MS * 2);
  const echo = LocalAudioTrack.createAudioTrack("echo", source);
  const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
  await room.localParticipant.publishTrack(echo, options);
  for await (const frame of new AudioStream(track, SAMPLE_RATE, 1)) {
    if (source.queuedDuration < MAX_DELAY_MS) await source.captureFrame(frame);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  initializeLogger({ pretty: false, level: "info" });
  const maxJobs = Number(process.env.PEER_MAX_JOBS);
  const server = new AgentServer(
    new ServerOptions({
      agent: fileURLToPath(import.meta.url),
      agentName: "agents-js-echo",
      wsURL: process.env.LIVEKIT_URL,
      // By jobs, as Greenroom's is by default: by CPU the worker would refuse a part of each burst.
      loadFunc: (worker) => Promise.resolve(worker.activeJobs.length / maxJobs),
      numIdleProcesses: 2,
      production: true,
      host: "127.0.0.1",
      port: Number(process.env.PEER_PORT),
    }),
  );
  await server.run();
}
