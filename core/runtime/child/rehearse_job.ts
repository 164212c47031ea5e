/**
 * Plays a job's life once, with an entry that does nothing, while nobody waits. JavaScript is compiled when it runs first,
 * and most processes run one job only: without this every job is the first. It connects to no room and tells nobody.
 */
import { defineAgent } from "../../agent/define_agent.ts";
import type { AgentJob } from "./agent_job.ts";
import { HeldJob } from "./held_job.ts";
import { JobOutput } from "./job_output.ts";

const JOB = {
  jobId: "rehearsal",
  dispatchId: "rehearsal",
  attempt: 1,
  agent: "rehearsal",
  room: "rehearsal",
  url: "",
  token: "",
  participantIdentity: "rehearsal",
  metadata: null,
  readiness: "connected",
  shutdownGraceMs: 0,
  aloneTimeoutMs: 0,
} as const;

export async function rehearseJob(agentJob: typeof AgentJob): Promise<void> {
  const channel = {
    closed: new Promise<void>(() => {}),
    isOpen: true,
    listen: () => {},
    send: () => true,
    sendLast: () => Promise.resolve(),
  };
  const output = new JobOutput(() => {}, 0, JOB.jobId);
  const held = new HeldJob({ job: JOB, channel, output, connectTimeoutMs: 0 });
  const agent = defineAgent({ name: JOB.agent, entry: () => Promise.resolve() });
  held.handle({ type: "leave", jobId: JOB.jobId });
  await held.run({ agent, context: { data: {} }, AgentJob: agentJob });
}
