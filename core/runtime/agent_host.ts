/**
 * One agent file's host: a child that loads the file, describes the agent and checks metadata by the agent's schema,
 * because the control plane never runs user code.
 *
 *   (none) ─load, validate─▶ loading ─descriptor─▶ idle ─validate─▶ checking ─▶ idle ─IDLE_END_MS─▶ (none)
 *
 * The child ends once it has described an agent without a schema, or has been idle for a while, and is started again when
 * needed. Each step is capped; a child that exceeds a cap is killed, and whoever waited for it is told.
 */
import { type AgentDescriptor, agentDescriptorSchema } from "../agent/descriptor.ts";
import type { Config } from "../config/settings.ts";
import { DEFAULT_OS_PERMISSIONS } from "./child_permissions.ts";
import type { AgentChild } from "./child_process.ts";
import type { ChildMessage } from "./messages.ts";
import { type ChildEnvironment, spawnChild } from "./spawn_child.ts";

export type HostLoad = { state: "loaded"; descriptor: AgentDescriptor } | { state: "broken"; error: string };

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
}

interface LiveHost {
  child: AgentChild;
  loaded: Promise<HostLoad>;
  waiting: Map<number, (check: MetadataCheck) => void>;
}

const IDLE_END_MS = 60_000;
const END_LIMIT_MS = 1_000;
/** Checks that wait for one host at once. */
const MAX_WAITING = 100;

export class AgentHost {
  readonly #options: AgentHostOptions;
  #live: LiveHost | null = null;
  #lastRequestId = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
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
    await this.#end();
    const loaded = await this.#host().loaded;
    if (loaded.state === "broken" || !loaded.descriptor.hasMetadataSchema) await this.#end();
    else this.#endWhenIdle();
    return loaded;
  }

  /** Checks metadata by the agent's schema, capped by validateTimeoutMs once the host is up. Never rejects. */
  async validateMetadata(metadata: unknown): Promise<MetadataCheck> {
    if (this.#isStopped) return unanswered("Greenroom is stopping");
    clearTimeout(this.#idleTimer);
    const host = this.#host();
    const loaded = await host.loaded;
    if (loaded.state === "broken") return unanswered(`the agent can't be loaded any more: ${loaded.error}`);
    if (host.waiting.size >= MAX_WAITING) return unanswered("too many checks wait for this agent");
    const check = await this.#ask(host, metadata);
    this.#endWhenIdle();
    return check;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#end();
  }

  #ask(host: LiveHost, metadata: unknown): Promise<MetadataCheck> {
    const { validateTimeoutMs } = this.#options.settings;
    const requestId = ++this.#lastRequestId;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        // One that is stuck answers nobody: the others get "ended", and the next check a new host.
        settle(unanswered(`the agent's metadata schema gave no answer within ${validateTimeoutMs} ms`));
        this.#discard(host);
      }, validateTimeoutMs);
      const settle = (check: MetadataCheck) => {
        clearTimeout(timer);
        host.waiting.delete(requestId);
        resolve(check);
      };
      host.waiting.set(requestId, settle);
      const isSent = host.child.send({ type: "validate", requestId, metadata });
      if (!isSent) settle(unanswered("the agent's host process ended"));
    });
  }

  #host(): LiveHost {
    if (this.#live && !this.#live.child.isGone) return this.#live;
    const { file, environment } = this.#options;
    const child = spawnChild(environment, { entry: "host", args: { agentFile: file } }, DEFAULT_OS_PERMISSIONS);
    const host: LiveHost = { child, loaded: this.#loaded(child), waiting: new Map() };
    const onLoading = child.onMessage;
    child.onMessage = (message) => {
      onLoading(message);
      if (message.type === "validated") host.waiting.get(message.requestId)?.(message.result);
    };
    void child.exited.then(() => {
      if (this.#live === host) this.#live = null;
      for (const settle of host.waiting.values()) settle(unanswered("the agent's host process ended"));
    });
    this.#live = host;
    return host;
  }

  /** What the child says of its file, or why it says nothing. Sets the child's onMessage. */
  #loaded(child: AgentChild): Promise<HostLoad> {
    const { hostTimeoutMs } = this.#options.settings;
    const said = Promise.withResolvers<HostLoad>();
    child.onMessage = (message) => {
      const load = loadReported(message);
      if (load) said.resolve(load);
    };
    const timer = setTimeout(() => {
      said.resolve(
        broken(`did not load within ${hostTimeoutMs} ms: look for an endless loop or a slow top-level await`),
      );
      child.kill("SIGKILL");
    }, hostTimeoutMs);
    void child.drained.then(({ code, signal, spawnError }) => {
      const how = spawnError ?? (signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
      said.resolve(broken(`its host process ${how} while loading. ${child.stderrTail.trim()}`.trim()));
    });
    return said.promise.finally(() => clearTimeout(timer));
  }

  #endWhenIdle(): void {
    clearTimeout(this.#idleTimer);
    if (!this.#live || this.#live.waiting.size > 0) return;
    this.#idleTimer = setTimeout(() => void this.#end(), this.#options.idleEndMs ?? IDLE_END_MS);
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const host = this.#live;
    if (!host) return;
    this.#live = null;
    await host.child.end(END_LIMIT_MS);
  }

  #discard(host: LiveHost): void {
    if (this.#live === host) this.#live = null;
    host.child.kill("SIGKILL");
  }
}

function loadReported(message: ChildMessage): HostLoad | null {
  if (message.type === "broken") return broken(message.error);
  if (message.type !== "descriptor") return null;
  const parsed = agentDescriptorSchema.safeParse(message.descriptor);
  if (parsed.success) return { state: "loaded", descriptor: parsed.data };
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return broken(`its description is not valid: ${issues.slice(0, 5).join("; ")}`);
}

function broken(error: string): HostLoad {
  return { state: "broken", error };
}

function unanswered(message: string): MetadataCheck {
  return { ok: false, timedOut: true, errors: [{ path: "", message }] };
}
