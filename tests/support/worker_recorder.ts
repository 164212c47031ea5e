/** Handlers of a WorkerConnection that keep what they are told, and a connection with short times around them. */
import { type Logger, silentLogger } from "../../core/lifecycle/logger.ts";
import type { AvailabilityAnswer, OfferedJob } from "../../core/livekit/job_offer.ts";
import { DEFAULT_AGENT_PERMISSIONS } from "../../core/livekit/permissions.ts";
import type { Credentials } from "../../core/livekit/tokens.ts";
import { WorkerConnection, type WorkerConnectionOptions } from "../../core/livekit/worker_connection.ts";
import type { WorkerLoad } from "../../core/livekit/worker_messages.ts";
import type { WorkerHandlers } from "../../core/livekit/worker_handlers.ts";
import { eventually } from "./eventually.ts";

export interface RecordedWorker extends AsyncDisposable {
  readonly connection: WorkerConnection;
  readonly offers: OfferedJob[];
  readonly assignments: { job: OfferedJob; token: string; isLate: boolean }[];
  readonly terminations: string[];
  readonly lapses: string[];
  /** What `load` answers; change it and call `connection.reportLoad()`. */
  load: WorkerLoad;
  /** What `onAvailability` does; accepts unless changed. */
  answer: (job: OfferedJob) => AvailabilityAnswer;
  /** Once the server surely offers jobs to the worker. */
  settled(): Promise<void>;
}

export interface RecordedWorkerOptions {
  server: { url: string } & Credentials;
  agentName?: string;
  timings?: Partial<WorkerConnectionOptions["timings"]>;
  handlers?: Partial<WorkerHandlers>;
  logger?: Logger;
  isDebug?: boolean;
}

export function startRecordedWorker(
  { server, agentName = "echo", timings, handlers, ...rest }: RecordedWorkerOptions,
): RecordedWorker {
  const controller = new AbortController();
  const worker: RecordedWorker = {
    offers: [],
    assignments: [],
    terminations: [],
    lapses: [],
    load: { status: "available", loadRatio: 0, jobCount: 0 },
    answer: (job) => ({ kind: "accept", participantIdentity: `agent-${job.id}` }),
    connection: new WorkerConnection({
      agentName,
      jobType: "room",
      permissions: DEFAULT_AGENT_PERMISSIONS,
      server: { url: server.url, credentials: () => server },
      timings: {
        handshakeTimeoutMs: 5_000,
        pingIntervalMs: 4_000,
        reconnectFirstMs: 50,
        reconnectMaxMs: 500,
        ...timings,
      },
      logger: silentLogger,
      ...rest,
      handlers: {
        onAvailability: (job) => {
          worker.offers.push(job);
          return worker.answer(job);
        },
        onAssignment: (job, token, { isLate }) => void worker.assignments.push({ job, token, isLate }),
        onTermination: (jobId) => void worker.terminations.push(jobId),
        onOfferLapsed: (jobId) => worker.lapses.push(jobId),
        load: () => worker.load,
        ...handlers,
      },
    }),
    settled: async () => {
      await eventually(() => {
        const { state, settledAt } = worker.connection.snapshot();
        return state === "registered" && settledAt !== null && settledAt <= new Date();
      }, { what: "the worker's registration" });
    },
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await running;
    },
  };
  const running = worker.connection.run(controller.signal);
  return worker;
}
