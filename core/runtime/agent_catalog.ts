/**
 * The agents of this instance: every agent file in the agents folder, loaded in a host of its own. A file that can't be
 * loaded, or that shares its name with another, is "broken" with its error, and hurts no other.
 *
 * `refresh` looks at the folder again: what is new or changed is loaded in a new host beside the old one, which serves until
 * then; what is gone is dropped. A changed file that does not load is broken under the name that it had.
 */
import { join } from "node:path";
import type { AgentDescriptor } from "../agent/descriptor.ts";
import type { HookInputs, HookName } from "../agent/hooks.ts";
import type { Config } from "../config/settings.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { listAgentFiles } from "./agent_files.ts";
import { AgentHost, type MetadataCheck } from "./agent_host.ts";
import { type AgentVersion, readAgentVersion } from "./agent_version.ts";
import type { HostLoad } from "./host_load.ts";
import type { HookAnswer } from "./hook_results.ts";
import { nearestNames } from "./nearest_names.ts";
import type { PoolAgent } from "./slot_lane.ts";
import type { ChildEnvironment } from "./spawn_child.ts";

/** One agent, as REST shows it. Its name is the file's (without .ts) until the agent has said its own. */
export interface AgentSnapshot {
  name: string;
  /** Relative to the agents folder. */
  file: string;
  /** Hash of the file and what it imports by relative paths; "" when it can't be read. */
  version: string;
  state: "loading" | "ready" | "broken";
  /** Why it is broken. */
  error?: string;
  /** Of a broken agent: what it was when it last loaded. */
  descriptor?: AgentDescriptor;
}

export interface AgentEntry extends Readonly<AgentSnapshot> {
  /** Absolute. */
  readonly path: string;
  /** Checks metadata by the agent's schema, in its host. Never rejects. */
  validateMetadata(metadata: unknown): Promise<MetadataCheck>;
  /** Asks one of the agent's hooks, in its host; no answer within `timeoutMs` is one too. Never rejects. */
  hook<Name extends HookName>(name: Name, input: HookInputs[Name], timeoutMs: number): Promise<HookAnswer<Name>>;
}

export interface AgentCatalogOptions {
  agentsDir: string;
  settings: Pick<Config, "hostTimeoutMs" | "validateTimeoutMs">;
  environment: ChildEnvironment;
  /** Agents that may run in the control plane's own isolate. */
  inlineAgents?: readonly string[];
  logger: Logger;
}

interface Item {
  file: string;
  host: AgentHost;
  code: AgentVersion;
  load: HostLoad | null;
  /** From the last time that it loaded. */
  descriptor: AgentDescriptor | null;
  entry: AgentEntry;
}

/** Files that load at once. */
const MAX_LOADING = 2;

export class AgentCatalog {
  readonly #options: AgentCatalogOptions;
  readonly #listeners = new Set<() => void>();
  #items: Item[] = [];
  #refreshing: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: AgentCatalogOptions) {
    this.#options = options;
  }

  /** Finds and loads the agent files; resolves when each is ready or broken. Throws when the folder can't be read. */
  async load(): Promise<void> {
    await Promise.all(this.#items.splice(0).map(({ host }) => host.stop()));
    this.#isStopped = false;
    const files = await listAgentFiles(this.#options.agentsDir);
    const items = await Promise.all(files.map((file) => this.#newItem(file, null)));
    this.#items = items;
    await loadAll(items, (item) => this.#loadItem(item));
    this.#warnOfRivals();
  }

  /** Takes over what changed in the folder. Resolves with whether anything did. Throws when it can't be read. */
  async refresh(): Promise<boolean> {
    const turn = this.#refreshing.then(() => this.#refresh());
    this.#refreshing = turn.then(() => {}, () => {});
    return await turn;
  }

  /** Calls the listener after each change of the set of agents or of one of them. Returns what stops that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  list(): AgentEntry[] {
    return this.#items.map(({ entry }) => entry);
  }

  /** The agent of this name in whatever state; null when there is none. */
  find(name: string): AgentEntry | null {
    const named = this.#items.filter(({ entry }) => entry.name === name).map(({ entry }) => entry);
    return named.find(({ state }) => state === "ready") ?? named[0] ?? null;
  }

  /** Names near to one that is not there, nearest first. */
  nearest(name: string, limit: number): string[] {
    return nearestNames(name, [...new Set(this.list().map((entry) => entry.name))], limit);
  }

  snapshot(): AgentSnapshot[] {
    return this.list().map(({ name, file, version, state, error, descriptor }) => ({
      name,
      file,
      version,
      state,
      ...(error === undefined ? {} : { error }),
      ...(descriptor === undefined ? {} : { descriptor }),
    }));
  }

  /** What the slot pool needs of the agents that are ready. @param warmSlots for agents that do not say. */
  poolAgents(warmSlots: number): PoolAgent[] {
    return this.list().flatMap(({ name, path, version, descriptor, state }) => {
      if (state !== "ready" || !descriptor) return [];
      const { osPermissions, isolation, jobsPerProcess, maxJobs, memoryLimitMb, heapLimitMb } = descriptor;
      return [{
        ...{ name, file: path, version, osPermissions, isolation, jobsPerProcess, maxJobs, memoryLimitMb, heapLimitMb },
        warmSlots: descriptor.warmSlots ?? warmSlots,
      }];
    });
  }

  /** Absolute paths of all files that the agents are made of. */
  sourceFiles(): string[] {
    return [...new Set(this.#items.flatMap(({ code }) => code.files))];
  }

  /** Process ids of the hosts that are up. */
  pids(): number[] {
    return this.#items.flatMap(({ host }) => host.pid ?? []);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#items.map(({ host }) => host.stop()));
  }

  async #refresh(): Promise<boolean> {
    const files = await listAgentFiles(this.#options.agentsDir);
    const next = await Promise.all(files.map(async (file) => {
      const known = this.#items.find((item) => item.file === file) ?? null;
      const fresh = await this.#newItem(file, known);
      return known?.code.version === fresh.code.version ? known : fresh;
    }));
    const fresh = next.filter((item) => !this.#items.includes(item));
    const dropped = this.#items.filter((item) => !next.includes(item));
    if (fresh.length + dropped.length === 0 || this.#isStopped) return false;
    await loadAll(fresh, async (item) => void (item.load = await item.host.load()));
    this.#items = next;
    this.#renewEntries();
    for (const item of fresh) this.#report(item);
    for (const { file } of dropped) {
      if (!files.includes(file)) this.#options.logger.info("agent file is gone", { file });
    }
    this.#warnOfRivals();
    for (const listener of this.#listeners) listener();
    // Whoever asked an old host before this has its answer coming; new questions go to the new one.
    await Promise.all(dropped.map(({ host }) => host.stop()));
    if (this.#isStopped) await Promise.all(fresh.map(({ host }) => host.stop()));
    return true;
  }

  async #newItem(file: string, before: Item | null): Promise<Item> {
    const { agentsDir, settings, environment } = this.#options;
    const path = join(agentsDir, file);
    const code = await readAgentVersion(path);
    const host = new AgentHost({ file: path, settings, environment });
    const item = { file, host, code, load: null, descriptor: before?.descriptor ?? null };
    return { ...item, entry: entryOf(item, path, null) };
  }

  async #loadItem(item: Item): Promise<void> {
    item.load = await item.host.load();
    this.#renewEntries();
    this.#report(item);
  }

  /** A name counts for every file that has it, so each load may turn another file's verdict. */
  #renewEntries(): void {
    for (const each of this.#items) {
      if (each.load?.state === "loaded") each.descriptor = each.load.descriptor;
    }
    for (const each of this.#items) {
      each.entry = entryOf(each, join(this.#options.agentsDir, each.file), this.#objectionTo(each));
    }
  }

  #report({ file, entry: { name, state, error } }: Item): void {
    const fields = { agent: name, file };
    if (state === "ready") this.#options.logger.info("agent is ready", fields);
    else this.#options.logger.error("agent is broken; the others are not affected", { ...fields, error });
  }

  /** Why an agent that loads can't be used all the same. */
  #objectionTo({ load }: Item): string | null {
    if (load?.state !== "loaded") return null;
    const { name, isolation } = load.descriptor;
    const sharing = this.#items.filter(({ load }) => load?.state === "loaded" && load.descriptor.name === name);
    if (sharing.length > 1) {
      const files = sharing.map(({ file }) => file).join(", ");
      return `${sharing.length} files define the agent "${name}": ${files}. Give each a name of its own`;
    }
    if (isolation === "inline" && !this.#options.inlineAgents?.includes(name)) {
      return `isolation "inline" runs an agent inside the control plane: list "${name}" in GREENROOM_INLINE_AGENTS, or use "process"`;
    }
    return null;
  }

  /** LiveKit gives each new room to one unnamed worker of a kind, so two automatic agents would take rooms in turns. */
  #warnOfRivals(): void {
    const automatic = this.list().filter(({ state, descriptor }) =>
      state === "ready" && descriptor?.dispatch === "automatic"
    );
    const byKind = Map.groupBy(automatic, ({ descriptor }) =>
      JSON.stringify([
        descriptor?.jobType,
        descriptor?.namespace,
        descriptor?.deployment,
      ]));
    for (const rivals of byKind.values()) {
      if (rivals.length < 2) continue;
      this.#options.logger.warn(
        "several automatic agents of one job type: LiveKit gives each room to one of them only",
        {
          agents: rivals.map(({ name }) => name),
        },
      );
    }
  }
}

async function loadAll(items: readonly Item[], load: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const loadNext = async () => {
    for (let item = waiting.shift(); item; item = waiting.shift()) await load(item);
  };
  await Promise.all(Array.from({ length: MAX_LOADING }, loadNext));
}

function entryOf(
  { file, host, code, load, descriptor }: Omit<Item, "entry">,
  path: string,
  objection: string | null,
): AgentEntry {
  const base = {
    name: descriptor?.name ?? file.replace(/\.ts$/, ""),
    ...{ file, path, version: code.version },
    validateMetadata: (metadata: unknown) => host.validateMetadata(metadata),
    hook: <Name extends HookName>(name: Name, input: HookInputs[Name], timeoutMs: number) =>
      host.hook(name, input, timeoutMs),
    ...(descriptor === null ? {} : { descriptor }),
  };
  if (load === null) return { ...base, state: "loading" };
  if (load.state === "broken") return { ...base, state: "broken", error: load.error };
  return objection === null ? { ...base, state: "ready" } : { ...base, state: "broken", error: objection };
}
