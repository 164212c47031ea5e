/**
 * One agent file's host: a child that loads the file, describes the agent, checks metadata by the agent's schema and
 * answers its hooks, because the control plane never runs user code.
 *
 *   (none) ─load, ask─▶ loading ─descriptor─▶ idle ─question─▶ asked ─answer─▶ idle ─IDLE_END_MS─▶ (none)
 *
 * The host of an agent with hooks is kept, so that they answer at once, and started again (with back-off) when it ends;
 * any other ends once it has described its agent, or has been idle for a while, and is started again when needed.
 * Each step is capped, and whoever waited is told. A host that is stuck is killed: at once when a check of metadata ran out
 * of time, after a ping without an answer when a hook did (a slow one may only wait for somebody).
 */
import type { AgentDescriptor } from "../agent/descriptor.ts";
import type { HookInputs, HookName } from "../agent/hooks.ts";
import type { Config } from "../config/settings.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import { backoffCeilingMs } from "../resilience/backoff.ts";
import { DEFAULT_OS_PERMISSIONS } from "./child_permissions.ts";
import type { AgentChild } from "./child_process.ts";
import { checkHookResult, type HookAnswer } from "./hook_results.ts";
import { type HostLoad, loadedBy } from "./host_load.ts";
import type { ChildMessage, ParentMessage } from "./messages.ts";
import { type ChildEnvironment, spawnChild } from "./spawn_child.ts";

export interface MetadataProblem {
  /** Dotted path of the field, "" for the whole. */
  path: string;
  message: string;
}

export type MetadataCheck =
  | { ok: true; metadata: unknown }
  | { ok: false; errors: MetadataProblem[] }
  /** The agent's schema gave no answer (stuck, crashed, too many at once); `errors` says which. */
  | { ok: false; timedOut: true; errors: MetadataProblem[] };

export interface AgentHostOptions {
  /** Absolute path of the agent file. */
  file: string;
  settings: Pick<Config, "hostTimeoutMs" | "validateTimeoutMs">;
  environment: ChildEnvironment;
  /** How long a host that is not used is kept. */
  idleEndMs?: number;
  /** How long one whose hook gave no answer in time may owe the answer to a ping. */
  stuckAfterMs?: number;
}

/** What came of a question: the child's message, or why there is none. */
type Answer = { message: ChildMessage } | { reason: string };
type Question = Extract<ParentMessage, { type: "validate" | "hook" }>;

interface LiveHost {
  child: AgentChild;
  loaded: Promise<HostLoad>;
  waiting: Map<number, (answer: Answer) => void>;
  /** We end it ourselves. */
  isEnding: boolean;
}

const IDLE_END_MS = 60_000;
const STUCK_AFTER_MS = 500;
const END_LIMIT_MS = 1_000;
/** Questions that wait for one host at once. */
const MAX_WAITING = 100;
/** Between the end of a host that is to be kept and its next start; one that lived for longer begins anew. */
const RESTART = { firstMs: 100, maxMs: 30_000 };
const FORGET_ENDS_AFTER_MS = 60_000;

const ENDED = "the agent's host process ended";
const STOPPING = "Greenroom is stopping";

export class AgentHost {
  readonly #options: AgentHostOptions;
  #descriptor: AgentDescriptor | null = null;
  #live: LiveHost | null = null;
  #lastRequestId = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  #ends = { count: 0, lastAtMs: -Infinity };
  #isStopped = false;

  constructor(options: AgentHostOptions) {
    this.#options = options;
  }

  /** Process id of the child; null while there is none. */
  get pid(): number | null {
    return this.#live?.child.pid ?? null;
  }

  /** Loads the file (again) and describes its agent. Never rejects. */
  async load(): Promise<HostLoad> {
    this.#descriptor = null;
    await this.#end();
    const loaded = await this.#host().loaded;
    if (loaded.state === "broken") {
      await this.#end();
      return loaded;
    }
    this.#descriptor = loaded.descriptor;
    const { hasMetadataSchema, osPermissions } = loaded.descriptor;
    // It was started before its permissions were known.
    const isNarrow = JSON.stringify(osPermissions) !== JSON.stringify(DEFAULT_OS_PERMISSIONS);
    if (isNarrow || (!this.#isKept && !hasMetadataSchema)) await this.#end();
    if (this.#isKept && !this.#isStopped) this.#host();
    else this.#endWhenIdle();
    return loaded;
  }

  /** Checks metadata by the agent's schema, capped by validateTimeoutMs once the host is up. Never rejects. */
  async validateMetadata(metadata: unknown): Promise<MetadataCheck> {
    const { validateTimeoutMs } = this.#options.settings;
    const host = await this.#loadedHost();
    if ("reason" in host) return unanswered(host.reason);
    const question = { type: "validate" as const, requestId: ++this.#lastRequestId, metadata };
    const answer = await this.#ask(host, question, validateTimeoutMs, () => this.#discard(host));
    this.#endWhenIdle();
    if ("reason" in answer) {
      const isLate = answer.reason === "late";
      return unanswered(
        isLate ? `the agent's metadata schema gave no answer within ${validateTimeoutMs} ms` : answer.reason,
      );
    }
    return answer.message.type === "validated" ? answer.message.result as MetadataCheck : unanswered("no answer");
  }

  /** Asks one of the agent's hooks; capped by timeoutMs, the start of a host counted. Never rejects. */
  async hook<Name extends HookName>(name: Name, input: HookInputs[Name], timeoutMs: number): Promise<HookAnswer<Name>> {
    const startedAtMs = performance.now();
    const loading = this.#loadedHost();
    if (!await settlesWithin(loading, timeoutMs)) return { ok: false, reason: "the agent's host is not up yet" };
    const host = await loading;
    if ("reason" in host) return { ok: false, reason: host.reason };
    const question = { type: "hook" as const, requestId: ++this.#lastRequestId, hook: name, input };
    const leftMs = Math.max(1, timeoutMs - (performance.now() - startedAtMs));
    const answer = await this.#ask(host, question, leftMs, () => this.#suspect(host));
    this.#endWhenIdle();
    if ("reason" in answer) {
      const isLate = answer.reason === "late";
      return { ok: false, reason: isLate ? `${name} gave no answer within ${timeoutMs} ms` : answer.reason };
    }
    if (answer.message.type !== "hooked") return { ok: false, reason: `${name} gave no answer` };
    const { ok, value, error } = answer.message;
    return ok ? checkHookResult(name, value) : { ok: false, reason: error ?? `${name} failed` };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#restartTimer);
    await this.#end();
  }

  /** Whether its process shall stay, to answer hooks at once. */
  get #isKept(): boolean {
    return this.#descriptor !== null && Object.values(this.#descriptor.hooks).some((has) => has);
  }

  async #loadedHost(): Promise<LiveHost | { reason: string }> {
    if (this.#isStopped) return { reason: STOPPING };
    clearTimeout(this.#idleTimer);
    const host = this.#host();
    const loaded = await host.loaded;
    if (loaded.state === "broken") return { reason: `the agent can't be loaded any more: ${loaded.error}` };
    return host.waiting.size < MAX_WAITING ? host : { reason: "too many questions wait for this agent's host" };
  }

  /** The answer, or a reason: "late" after `onLate` was called. */
  #ask(host: LiveHost, question: Question, timeoutMs: number, onLate: () => void): Promise<Answer> {
    const { requestId } = question;
    return new Promise((resolve) => {
      const settle = (answer: Answer) => {
        clearTimeout(timer);
        host.waiting.delete(requestId);
        resolve(answer);
      };
      const timer = setTimeout(() => {
        settle({ reason: "late" });
        onLate();
      }, timeoutMs);
      host.waiting.set(requestId, settle);
      if (!host.child.send(question)) settle({ reason: ENDED });
    });
  }

  #host(): LiveHost {
    if (this.#live && !this.#live.child.isGone) return this.#live;
    clearTimeout(this.#restartTimer);
    const { file, environment, settings } = this.#options;
    const permissions = this.#descriptor?.osPermissions ?? DEFAULT_OS_PERMISSIONS;
    const child = spawnChild(environment, { entry: "host", args: { agentFile: file } }, permissions);
    const host: LiveHost = {
      child,
      loaded: loadedBy(child, settings.hostTimeoutMs),
      waiting: new Map(),
      isEnding: false,
    };
    const onLoading = child.onMessage;
    child.onMessage = (message) => {
      onLoading(message);
      if (message.type === "validated" || message.type === "hooked") host.waiting.get(message.requestId)?.({ message });
    };
    void child.exited.then(() => this.#ended(host));
    this.#live = host;
    return host;
  }

  #ended(host: LiveHost): void {
    if (this.#live === host) this.#live = null;
    for (const settle of [...host.waiting.values()]) settle({ reason: ENDED });
    if (this.#isKept && this.#live === null && !host.isEnding) this.#restartLater();
  }

  /** A kept host comes back by itself, later each time that it ends soon. */
  #restartLater(): void {
    if (this.#isStopped) return;
    const nowMs = performance.now();
    const count = nowMs - this.#ends.lastAtMs > FORGET_ENDS_AFTER_MS ? 1 : this.#ends.count + 1;
    this.#ends = { count, lastAtMs: nowMs };
    clearTimeout(this.#restartTimer);
    this.#restartTimer = setTimeout(() => void this.#host(), backoffCeilingMs(count, RESTART));
  }

  #endWhenIdle(): void {
    clearTimeout(this.#idleTimer);
    if (this.#isKept || !this.#live || this.#live.waiting.size > 0) return;
    this.#idleTimer = setTimeout(() => void this.#end(), this.#options.idleEndMs ?? IDLE_END_MS);
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#restartTimer);
    const host = this.#live;
    if (!host) return;
    this.#live = null;
    host.isEnding = true;
    await host.child.end(END_LIMIT_MS);
  }

  /** One that is stuck answers nobody: those who wait get "ended", and the next question a new host. */
  #discard(host: LiveHost): void {
    if (this.#live === host) this.#live = null;
    host.child.kill("SIGKILL");
  }

  /** A hook was late: kills the host if its event loop is stuck, and leaves it alone if the hook only takes its time. */
  #suspect(host: LiveHost): void {
    host.child.ping();
    setTimeout(() => {
      if (host.child.owesPong && !host.child.isGone) this.#discard(host);
    }, this.#options.stuckAfterMs ?? STUCK_AFTER_MS);
  }
}

function unanswered(message: string): MetadataCheck {
  return { ok: false, timedOut: true, errors: [{ path: "", message }] };
}
