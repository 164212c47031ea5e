/**
 * The agents of this instance: every agent file in the agents folder, loaded in a host of its own. A file that can't be
 * loaded, or that shares its name with another, is "broken" with its error, and hurts no other.
 */
import { join } from "node:path";
import type { AgentDescriptor } from "../agent/descriptor.ts";
import type { Config } from "../config/settings.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { AgentHost, type HostLoad, type MetadataCheck } from "./agent_host.ts";
import { nearestNames } from "./nearest_names.ts";
import type { PoolAgent } from "./slot_lane.ts";
import type { ChildEnvironment } from "./spawn_child.ts";

/** One agent, as REST shows it. Its name is the file's (without .ts) until the agent has said its own. */
export interface AgentSnapshot {
  name: string;
  /** Relative to the agents folder. */
  file: string;
  state: "loading" | "ready" | "broken";
  /** Why it is broken. */
  error?: string;
  descriptor?: AgentDescriptor;
}

export interface AgentEntry extends Readonly<AgentSnapshot> {
  /** Absolute. */
  readonly path: string;
  /** Checks metadata by the agent's schema, in its host. Never rejects. */
  validateMetadata(metadata: unknown): Promise<MetadataCheck>;
}

export interface AgentCatalogOptions {
  agentsDir: string;
  settings: Pick<Config, "hostTimeoutMs" | "validateTimeoutMs">;
  environment: ChildEnvironment;
  logger: Logger;
}

interface Item {
  file: string;
  host: AgentHost;
  load: HostLoad | null;
  entry: AgentEntry;
}

/** Files that load at once. */
const MAX_LOADING = 2;
/** Agent files of one folder; a folder with more is a mistake. */
const MAX_FILES = 1_000;

export class AgentCatalog {
  readonly #options: AgentCatalogOptions;
  #items: Item[] = [];

  constructor(options: AgentCatalogOptions) {
    this.#options = options;
  }

  /** Finds and loads the agent files; resolves when each is ready or broken. Throws when the folder can't be read. */
  async load(): Promise<void> {
    await this.stop();
    const { agentsDir, settings, environment } = this.#options;
    this.#items = (await listAgentFiles(agentsDir)).map((file) => {
      const path = join(agentsDir, file);
      const host = new AgentHost({ file: path, settings, environment });
      return { file, host, load: null, entry: entryOf(file, path, host, null, null) };
    });
    const waiting = [...this.#items];
    const loadNext = async () => {
      for (let item = waiting.shift(); item; item = waiting.shift()) await this.#loadItem(item);
    };
    await Promise.all(Array.from({ length: MAX_LOADING }, loadNext));
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
    return this.list().map(({ name, file, state, error, descriptor }) => ({
      name,
      file,
      state,
      ...(error === undefined ? {} : { error }),
      ...(descriptor === undefined ? {} : { descriptor }),
    }));
  }

  /** What the slot pool needs of the agents that are ready. @param warmSlots for agents that do not say. */
  poolAgents(warmSlots: number): PoolAgent[] {
    return this.list().flatMap(({ name, path, descriptor, state }) =>
      state === "ready" && descriptor
        ? [{ name, file: path, warmSlots: descriptor.warmSlots ?? warmSlots, osPermissions: descriptor.osPermissions }]
        : []
    );
  }

  /** Process ids of the hosts that are up. */
  pids(): number[] {
    return this.#items.flatMap(({ host }) => host.pid ?? []);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#items.map(({ host }) => host.stop()));
  }

  async #loadItem(item: Item): Promise<void> {
    item.load = await item.host.load();
    // A name counts for every file that has it, so each load may turn another file's verdict.
    for (const each of this.#items) each.entry = this.#entryOf(each);
    const { name, state, error } = item.entry;
    const fields = { agent: name, file: item.file };
    if (state === "ready") this.#options.logger.info("agent is ready", fields);
    else this.#options.logger.error("agent is broken; the others are not affected", { ...fields, error });
  }

  #entryOf({ file, host, load }: Item): AgentEntry {
    const path = join(this.#options.agentsDir, file);
    const sharing = load?.state === "loaded" ? this.#filesNamed(load.descriptor.name) : [];
    return entryOf(file, path, host, load, sharing.length > 1 ? sharing : null);
  }

  #filesNamed(name: string): string[] {
    return this.#items.filter(({ load }) => load?.state === "loaded" && load.descriptor.name === name).map(({ file }) =>
      file
    );
  }
}

function entryOf(
  file: string,
  path: string,
  host: AgentHost,
  load: HostLoad | null,
  sharing: string[] | null,
): AgentEntry {
  const validateMetadata = (metadata: unknown) => host.validateMetadata(metadata);
  const unnamed = { name: file.replace(/\.ts$/, ""), file, path, validateMetadata };
  if (load === null) return { ...unnamed, state: "loading" };
  if (load.state === "broken") return { ...unnamed, state: "broken", error: load.error };
  const { descriptor } = load;
  const named = { ...unnamed, name: descriptor.name, descriptor };
  const error = sharing !== null
    ? `${sharing.length} files define the agent "${descriptor.name}": ${
      sharing.join(", ")
    }. Give each a name of its own`
    : descriptor.jobType !== "room"
    ? `jobType "${descriptor.jobType}" is not supported yet; use "room"`
    : null;
  return error === null ? { ...named, state: "ready" } : { ...named, state: "broken", error };
}

/** File names in order; tests and names that begin with "_" or "." are no agents. A folder that is not there is empty. */
async function listAgentFiles(agentsDir: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(agentsDir)) {
      if (!isDirectory && /^[^_.].*\.ts$/.test(name) && !/_test\.ts$|\.d\.ts$/.test(name)) files.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (files.length > MAX_FILES) throw new Error(`Cannot load agents: ${agentsDir} has more than ${MAX_FILES} files`);
  return files.sort();
}
