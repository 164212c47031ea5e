/**
 * One registered connection of a worker: from the handshake to the end of its socket (livekit.md 2-4).
 *
 * Guarantees
 *   - every availability request gets exactly one answer in time, and every acceptance an end (offer_desk.ts); an
 *     assignment that comes after its lapse is handed over as late, and a second one is dropped;
 *   - status and load are told at once when the status changes, soon when the load does, and every loadIntervalMs;
 *   - a frame that is too large, cut or unknown is counted and dropped;
 *   - a peer that answers no pings is given up after two misses, however the network pretends to live.
 */
import type { JobAssignment, RegisterWorkerResponse, WorkerMessage } from "@livekit/protocol";
import { abortableWait, settlesWithin } from "../lifecycle/supervisor.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { explainClose, explainSilence, type Explanation, type HandshakeFailure } from "./connection_explanations.ts";
import { toOfferedJob } from "./job_offer.ts";
import { OfferDesk } from "./offer_desk.ts";
import {
  availabilityMessage,
  decodeFrame,
  pingMessage,
  printableMessage,
  registerMessage,
  type Registration,
  type ReportedJobStatus,
  type ServerMessageBody,
  updateJobMessage,
  updateWorkerMessage,
  type WorkerLoad,
} from "./worker_messages.ts";
import { MAX_MISSED_PINGS, WorkerPings } from "./worker_pings.ts";
import type { WorkerHandlers, WorkerTimings } from "./worker_handlers.ts";
import { openWorkerSocket, type SocketEnd, type WorkerSocket } from "./worker_socket.ts";
import type { ServerInfo, WorkerEvent } from "./worker_state.ts";

export interface SessionOptions {
  registration: Registration;
  url: string;
  token: string;
  timings: WorkerTimings;
  handlers: WorkerHandlers;
  logger: Logger;
  /** Log every message, without secrets. */
  isDebug: boolean;
  onEvent: (event: WorkerEvent) => void;
}

export type RegisterResult =
  | { ok: true; workerId: string; serverInfo: ServerInfo | null }
  | { ok: false; failure: HandshakeFailure };

/** The server can lose a status sent right after the assignment (livekit.md 4.2). */
const STATUS_HOLD_MS = 100;
const GOODBYE_TIMEOUT_MS = 1_000;
/** Changes of load within this time make one message; a change of status is told at once. */
const LOAD_BATCH_MS = 50;

export class WorkerSession {
  readonly #options: SessionOptions;
  readonly #desk: OfferDesk;
  readonly #pings: WorkerPings;
  readonly #heldStatuses = new Set<Promise<boolean>>();
  readonly #registered = Promise.withResolvers<RegisterWorkerResponse>();
  readonly #over = new AbortController();
  #socket: WorkerSocket | null = null;
  #silence: Explanation | null = null;
  #isLoadQueued = false;
  #loadTimer: ReturnType<typeof setTimeout> | undefined;
  /** As last told to the server. */
  #told: WorkerLoad | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#desk = new OfferDesk({
      handlers: options.handlers,
      timings: options.timings,
      answer: (jobId, answer) => void this.#send(availabilityMessage(jobId, answer)),
      onLoadChange: () => this.reportLoad(),
      onNotTaken: (jobId) => this.#tellNotTaken(jobId),
      logger: options.logger,
    });
    this.#pings = new WorkerPings({
      send: (timestamp) => this.#send(pingMessage(timestamp)),
      onRoundTrip: (rttMs) => options.onEvent({ kind: "pong", rttMs }),
    });
  }

  /** Connects and registers; within handshakeTimeoutMs altogether. */
  async register(signal: AbortSignal): Promise<RegisterResult> {
    const { url, token, timings: { handshakeTimeoutMs: timeoutMs }, registration } = this.#options;
    const startedAtMs = performance.now();
    const opened = await openWorkerSocket({ url, token, timeoutMs, signal, onFrame: (frame) => this.#onFrame(frame) });
    if (!opened.ok) return opened;
    const { socket } = opened;
    this.#socket = socket;
    this.#send(registerMessage(registration));
    const limitMs = Math.max(0, timeoutMs - (performance.now() - startedAtMs));
    const timedOut = abortableWait(limitMs, AbortSignal.any([signal, this.#over.signal])).then(() => null);
    const answer = await Promise.race([this.#registered.promise, socket.ended, timedOut]);
    if (answer && "workerId" in answer) {
      return { ok: true, workerId: answer.workerId, serverInfo: toServerInfo(answer) };
    }
    this.#finish();
    if (!answer) socket.abandon({ code: 0, reason: "handshake timed out" });
    return { ok: false, failure: answer ? { kind: "not_registered", ...answer } : { kind: "timed_out", timeoutMs } };
  }

  /** Serves a registered connection until it ends, or `signal` aborts. */
  async serve(signal: AbortSignal): Promise<SocketEnd & { explanation: Explanation }> {
    const socket = this.#socket;
    if (!socket) throw new Error("Cannot serve a worker connection that is not open");
    const { pingIntervalMs, loadIntervalMs } = this.#options.timings;
    const pings = setInterval(() => this.#pingOrGiveUp(socket), pingIntervalMs);
    const loads = setInterval(() => this.#tellLoad(), loadIntervalMs);
    const leave = () => void this.#sayGoodbye(socket);
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
    this.#tellLoad();
    const end = await socket.ended;
    signal.removeEventListener("abort", leave);
    clearInterval(pings);
    clearInterval(loads);
    this.#finish();
    return { ...end, explanation: this.#silence ?? explainClose(end.code, end.reason) };
  }

  /** True while a job that was accepted or assigned on this connection has not ended. */
  get holdsJobs(): boolean {
    return this.#desk.ledger.hasUnended;
  }

  /** Status or load may have changed. Cheap: many calls make one message. */
  reportLoad(): void {
    if (this.#isLoadQueued) return;
    this.#isLoadQueued = true;
    queueMicrotask(() => {
      this.#isLoadQueued = false;
      const load = this.#ask("load", () => this.#options.handlers.load());
      if (!load || this.#over.signal.aborted) return;
      if (load.status !== this.#told?.status) return this.#tellLoad(load);
      if (load.loadRatio === this.#told.loadRatio && load.jobCount === this.#told.jobCount) return;
      this.#loadTimer ??= setTimeout(() => this.#tellLoad(), LOAD_BATCH_MS);
    });
  }

  #tellLoad(load = this.#ask("load", () => this.#options.handlers.load())): void {
    clearTimeout(this.#loadTimer);
    this.#loadTimer = undefined;
    if (load && this.#send(updateWorkerMessage(load))) this.#told = load;
  }

  /** False when the job was not assigned on this connection, or the connection is gone. */
  updateJob(jobId: string, status: ReportedJobStatus, error: string): Promise<boolean> {
    const assignedAtMs = this.#desk.ledger.assignedAtMs(jobId);
    if (assignedAtMs === null) return Promise.resolve(false);
    const holdMs = assignedAtMs + STATUS_HOLD_MS - performance.now();
    const sent = this.#sendStatus(holdMs, jobId, status, error);
    this.#heldStatuses.add(sent);
    return sent.finally(() => this.#heldStatuses.delete(sent));
  }

  /** True when the server has taken everything that was sent before: its answer to a ping says so. */
  async settleStatus(timeoutMs: number): Promise<boolean> {
    const startedAtMs = performance.now();
    if (this.#heldStatuses.size > 0 && !await settlesWithin(Promise.all(this.#heldStatuses), timeoutMs)) return false;
    return await this.#pings.ping(timeoutMs - (performance.now() - startedAtMs));
  }

  async #sendStatus(holdMs: number, jobId: string, status: ReportedJobStatus, error: string): Promise<boolean> {
    if (holdMs > 0) await abortableWait(holdMs, this.#over.signal);
    if (this.#desk.ledger.assignedAtMs(jobId) === null) return false;
    const isSent = this.#send(updateJobMessage(jobId, status, error));
    if (isSent && status !== "running") this.#desk.ledger.noteEnd(jobId);
    return isSent;
  }

  #onFrame(frame: unknown): void {
    this.#pings.noteLife();
    const decoded = decodeFrame(frame);
    if (decoded.ok) return this.#onMessage(decoded.message);
    this.#options.logger.warn("dropped a frame of the LiveKit server", { reason: decoded.reason });
    this.#options.onEvent({ kind: "frame_dropped" });
  }

  #onMessage(message: ServerMessageBody): void {
    this.#trace("received", message);
    switch (message.case) {
      case "register":
        return this.#registered.resolve(message.value);
      case "availability":
        return message.value.job ? this.#desk.offered(toOfferedJob(message.value.job)) : this.#warnNoJob(message.case);
      case "assignment":
        return this.#onAssignment(message.value);
      case "termination":
        return void this.#ask("onTermination", () => this.#options.handlers.onTermination(message.value.jobId));
      case "pong":
        return this.#pings.notePong(message.value.lastTimestamp);
    }
  }

  #onAssignment(assignment: JobAssignment): void {
    const { job, token } = assignment;
    if (!job) return this.#warnNoJob("assignment");
    this.#desk.assigned(toOfferedJob(job), token, performance.now());
  }

  #tellNotTaken(jobId: string): void {
    this.updateJob(jobId, "failed", "the worker could not take the job").catch((error) =>
      this.#options.logger.error("could not report a job", { livekitJobId: jobId, error })
    );
  }

  #pingOrGiveUp(socket: WorkerSocket): void {
    const { pingIntervalMs } = this.#options.timings;
    if (this.#pings.tick(pingIntervalMs) === "alive") return;
    this.#silence = explainSilence(MAX_MISSED_PINGS);
    socket.abandon({ code: 0, reason: "no answer to pings" });
  }

  async #sayGoodbye(socket: WorkerSocket): Promise<void> {
    socket.close();
    if (!await settlesWithin(socket.ended, GOODBYE_TIMEOUT_MS)) socket.abandon({ code: 0, reason: "stopping" });
  }

  /** Nothing more will come: free what still waits. */
  #finish(): void {
    this.#over.abort();
    clearTimeout(this.#loadTimer);
    this.#desk.finish();
    this.#pings.finish();
  }

  #send(message: WorkerMessage): boolean {
    const isSent = this.#socket?.send(message.toBinary()) ?? false;
    if (isSent) this.#trace("sent", message.message);
    return isSent;
  }

  /** Calls a handler; its failure is logged and never reaches the connection. */
  #ask<T>(handler: keyof WorkerHandlers, call: () => T): T | undefined {
    const failed = (error: unknown) => this.#options.logger.error("a worker handler failed", { handler, error });
    try {
      const result = call();
      if (result instanceof Promise) result.catch(failed);
      return result;
    } catch (error) {
      failed(error);
      return undefined;
    }
  }

  #warnNoJob(kind: string): void {
    this.#options.logger.warn("dropped a message of the LiveKit server that names no job", { kind });
    this.#options.onEvent({ kind: "frame_dropped" });
  }

  #trace(direction: "sent" | "received", message: ServerMessageBody | WorkerMessage["message"]): void {
    if (this.#options.isDebug) this.#options.logger.info(`worker message ${direction}`, printableMessage(message));
  }
}

function toServerInfo({ serverInfo }: RegisterWorkerResponse): ServerInfo | null {
  if (!serverInfo) return null;
  const { version, nodeId, region, protocol, agentProtocol } = serverInfo;
  return { version, nodeId, region, protocol, agentProtocol };
}
