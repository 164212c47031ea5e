/**
 * Keeps one worker registered with one LiveKit server: connects, registers, serves, and comes back for ever with
 * full-jitter back-off. States: worker_state.ts; one connection's life: worker_session.ts. Jobs go on while the socket is
 * away; a new connection is a new worker to the server, which can neither report nor end jobs of the old one.
 */
import { abortableWait } from "../lifecycle/supervisor.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { type Backoff, fullJitterMs } from "../resilience/backoff.ts";
import { explainHandshakeFailure, type HandshakeFailure, probeAgentEndpoint } from "./connection_explanations.ts";
import { type Credentials, mintWorkerToken } from "./tokens.ts";
import type { Registration, ReportedJobStatus } from "./worker_messages.ts";
import type { WorkerHandlers, WorkerTimings } from "./worker_handlers.ts";
import { WorkerSession } from "./worker_session.ts";
import { applyEvent, initialSnapshot, type WorkerConnectionSnapshot, type WorkerEvent } from "./worker_state.ts";

export interface WorkerConnectionOptions extends Registration {
  /** `credentials` is asked for each connection, so that rotated secrets are taken up. */
  server: { url: string; credentials: () => Credentials | Promise<Credentials> };
  timings:
    & Pick<WorkerTimings, "handshakeTimeoutMs" | "pingIntervalMs">
    & Partial<WorkerTimings>
    & { reconnectFirstMs: number; reconnectMaxMs: number };
  handlers: WorkerHandlers;
  logger: Logger;
  /** LIVEKIT_WS_DEBUG: log every message, without secrets. */
  isDebug?: boolean;
  /** Told after each change of `state`. */
  onStateChange?: (snapshot: WorkerConnectionSnapshot) => void;
  random?: () => number;
  now?: () => Date;
}

/** Answers within 250 ms (livekit.md 3): a handler has 240 of them. */
const DEFAULT_TIMINGS = { assignmentTimeoutMs: 5_000, loadIntervalMs: 2_500, answerTimeoutMs: 240 };
const PROBE_TIMEOUT_MS = 5_000;

export class WorkerConnection implements Service {
  readonly name: string;
  readonly #options: WorkerConnectionOptions;
  readonly #logger: Logger;
  readonly #now: () => Date;
  #snapshot: WorkerConnectionSnapshot;
  #session: WorkerSession | null = null;

  constructor(options: WorkerConnectionOptions) {
    const label = options.agentName === "" ? "unnamed" : options.agentName;
    this.name = `worker-${label}-${options.jobType}`;
    this.#options = options;
    this.#logger = options.logger.with({ worker: this.name });
    this.#now = options.now ?? (() => new Date());
    this.#snapshot = initialSnapshot(this.#now());
  }

  snapshot(): WorkerConnectionSnapshot {
    return this.#snapshot;
  }

  /** Connects and comes back until `signal` aborts. Never throws for what a server does. */
  async run(signal: AbortSignal): Promise<void> {
    const { timings: { reconnectFirstMs: firstMs, reconnectMaxMs: maxMs }, random = Math.random } = this.#options;
    const backoff: Backoff = { firstMs, maxMs };
    this.#snapshot = initialSnapshot(this.#now());
    while (!signal.aborted) {
      await this.#connectOnce(signal);
      if (signal.aborted) break;
      await abortableWait(fullJitterMs(this.#snapshot.attempts, backoff, random), signal);
    }
    this.#apply({ kind: "stopped" });
  }

  /** Sends status and load soon; a connection that is away reports them when it is back. */
  reportLoad(): void {
    this.#session?.reportLoad();
  }

  /** True while the present connection has jobs that only it can report on. */
  get holdsJobs(): boolean {
    return this.#session?.holdsJobs ?? false;
  }

  /**
   * Reports a job's status. Resolves with false when it can't be told any more: the job was assigned on an earlier
   * connection, or was reported as ended, or the connection is away.
   */
  updateJob(jobId: string, status: ReportedJobStatus, error = ""): Promise<boolean> {
    return this.#session?.updateJob(jobId, status, error) ?? Promise.resolve(false);
  }

  /**
   * The pong barrier: true when the server has taken all statuses sent before, so that the agent may leave the room
   * (livekit.md 7b). False when the connection is gone or `timeoutMs` is over; then leaving may be noted as a failure.
   */
  settleStatus(timeoutMs: number): Promise<boolean> {
    return this.#session?.settleStatus(timeoutMs) ?? Promise.resolve(false);
  }

  async #connectOnce(signal: AbortSignal): Promise<void> {
    const { server, timings, handlers, isDebug = false } = this.#options;
    const token = await mintWorkerToken(await server.credentials());
    const session = new WorkerSession({
      registration: this.#options,
      url: server.url,
      token,
      timings: { ...DEFAULT_TIMINGS, ...timings },
      handlers,
      logger: this.#logger,
      isDebug,
      onEvent: (event) => this.#apply(event),
    });
    const registered = await session.register(signal);
    if (!registered.ok) {
      if (!signal.aborted) await this.#noteFailure(registered.failure, token);
      return;
    }
    this.#session = session;
    const { workerId, serverInfo } = registered;
    this.#apply({ kind: "registered", workerId, serverInfo });
    this.#logger.info("registered with LiveKit", { workerId, url: server.url, serverVersion: serverInfo?.version });
    const { code, reason, explanation } = await session.serve(signal);
    this.#session = null;
    if (signal.aborted) return;
    this.#apply({ kind: "closed", code, reason, explanation });
    this.#logger.warn("lost the connection to LiveKit", { code, reason, ...explanation });
  }

  async #noteFailure(failure: HandshakeFailure, token: string): Promise<void> {
    const { url } = this.#options.server;
    const known = failure.kind === "refused"
      ? { ...failure, probe: await probeAgentEndpoint(url, token, PROBE_TIMEOUT_MS) }
      : failure;
    const explanation = explainHandshakeFailure(url, known);
    this.#apply({ kind: "failed", explanation });
    this.#logger.warn("could not register with LiveKit", { ...explanation, attempts: this.#snapshot.attempts });
  }

  #apply(event: WorkerEvent): void {
    const before = this.#snapshot;
    this.#snapshot = applyEvent(before, event, this.#now());
    const isVisible = event.kind !== "pong" && event.kind !== "frame_dropped";
    if (!isVisible || !this.#options.onStateChange) return;
    try {
      this.#options.onStateChange(this.#snapshot);
    } catch (error) {
      this.#logger.error("a worker handler failed", { handler: "onStateChange", error });
    }
  }
}
