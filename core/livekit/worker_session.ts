/**
 * One registered connection of a worker: from the handshake to the end of its socket (livekit.md 2-4).
 *
 * Guarantees
 *   - every availability request gets exactly one answer, at once and from memory, also when the handler throws or the
 *     same job is offered twice;
 *   - an accepted offer is followed by onAssignment or by onOfferLapsed (after assignmentTimeoutMs, or when the socket
 *     ends); an assignment that comes after its lapse is handed over as late, and a second one is dropped;
 *   - a frame that is too large, cut or unknown is counted and dropped;
 *   - a peer that answers no pings is given up after two misses, however the network pretends to live.
 */
import type { JobAssignment, RegisterWorkerResponse, WorkerMessage } from "@livekit/protocol";
import { abortableWait, settlesWithin } from "../lifecycle/supervisor.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { explainClose, explainSilence, type Explanation, type HandshakeFailure } from "./connection_explanations.ts";
import { type AvailabilityAnswer, type OfferedJob, toOfferedJob } from "./job_offer.ts";
import { OfferLedger } from "./offer_ledger.ts";
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

export class WorkerSession {
  readonly #options: SessionOptions;
  readonly #ledger = new OfferLedger();
  readonly #lapseTimers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #pings: WorkerPings;
  readonly #heldStatuses = new Set<Promise<boolean>>();
  readonly #registered = Promise.withResolvers<RegisterWorkerResponse>();
  readonly #over = new AbortController();
  #socket: WorkerSocket | null = null;
  #silence: Explanation | null = null;
  #isLoadQueued = false;

  constructor(options: SessionOptions) {
    this.#options = options;
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
    const loads = setInterval(() => this.reportLoad(), loadIntervalMs);
    const leave = () => void this.#sayGoodbye(socket);
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
    this.reportLoad();
    const end = await socket.ended;
    signal.removeEventListener("abort", leave);
    clearInterval(pings);
    clearInterval(loads);
    this.#finish();
    return { ...end, explanation: this.#silence ?? explainClose(end.code, end.reason) };
  }

  /** Tells the server status and load; calls in one turn of the event loop make one message. */
  reportLoad(): void {
    if (this.#isLoadQueued) return;
    this.#isLoadQueued = true;
    queueMicrotask(() => {
      this.#isLoadQueued = false;
      const load = this.#ask("load", () => this.#options.handlers.load());
      if (load) this.#send(updateWorkerMessage(load));
    });
  }

  /** False when the job was not assigned on this connection, or the connection is gone. */
  updateJob(jobId: string, status: ReportedJobStatus, error: string): Promise<boolean> {
    const assignedAtMs = this.#ledger.assignedAtMs(jobId);
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
    if (this.#ledger.assignedAtMs(jobId) === null) return false;
    const isSent = this.#send(updateJobMessage(jobId, status, error));
    if (isSent && status !== "running") this.#ledger.noteEnd(jobId);
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
        return message.value.job ? this.#onOffer(toOfferedJob(message.value.job)) : this.#warnNoJob(message.case);
      case "assignment":
        return this.#onAssignment(message.value);
      case "termination":
        return void this.#ask("onTermination", () => this.#options.handlers.onTermination(message.value.jobId));
      case "pong":
        return this.#pings.notePong(message.value.lastTimestamp);
    }
  }

  #onOffer(job: OfferedJob): void {
    const known = this.#ledger.answerFor(job.id);
    const answer = known ?? this.#askAvailability(job);
    this.#send(availabilityMessage(job.id, answer));
    if (known) return;
    this.#ledger.noteAnswer(job.id, answer);
    if (answer.kind !== "accept") return;
    const lapse = () => this.#lapse(job.id);
    this.#lapseTimers.set(job.id, setTimeout(lapse, this.#options.timings.assignmentTimeoutMs));
    this.reportLoad();
  }

  #askAvailability(job: OfferedJob): AvailabilityAnswer {
    const answer = this.#ask("onAvailability", () => this.#options.handlers.onAvailability(job));
    if (!answer) return { kind: "decline", reason: "the handler failed" };
    if (answer.kind === "accept" && answer.participantIdentity === "") {
      this.#options.logger.error("declined a job: it was accepted without a participant identity", {
        livekitJobId: job.id,
      });
      return { kind: "decline", reason: "no participant identity" };
    }
    return answer;
  }

  #onAssignment({ job, token }: JobAssignment): void {
    if (!job) return this.#warnNoJob("assignment");
    const how = this.#ledger.noteAssignment(job.id, performance.now());
    this.#clearLapse(job.id);
    if (how === "duplicate") {
      return this.#options.logger.warn("dropped a second assignment of a job", { livekitJobId: job.id });
    }
    const failed = (error: unknown) => {
      this.#options.logger.error("could not take an assigned job", { livekitJobId: job.id, error });
      this.updateJob(job.id, "failed", "the worker could not take the job").catch((cause) =>
        this.#options.logger.error("could not report a job", { livekitJobId: job.id, error: cause })
      );
    };
    try {
      const taken = this.#options.handlers.onAssignment(toOfferedJob(job), token, { isLate: how === "late" });
      taken?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #lapse(jobId: string): void {
    this.#clearLapse(jobId);
    if (!this.#ledger.noteLapse(jobId)) return;
    this.#options.logger.warn("LiveKit did not assign a job that was accepted", { livekitJobId: jobId });
    this.#ask("onOfferLapsed", () => this.#options.handlers.onOfferLapsed(jobId));
    this.reportLoad();
  }

  #clearLapse(jobId: string): void {
    clearTimeout(this.#lapseTimers.get(jobId));
    this.#lapseTimers.delete(jobId);
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
    for (const jobId of this.#ledger.listAccepted()) this.#lapse(jobId);
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
