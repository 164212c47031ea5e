/**
 * Hot reload, for development: watches the agents folder, and the folders of what agents import by relative paths, and has
 * the catalog look again when something changed. A folder that can't be watched is tried again; nothing stops the program.
 */
import { dirname } from "node:path";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { abortableWait } from "../lifecycle/supervisor.ts";
import type { AgentCatalog } from "./agent_catalog.ts";

export interface AgentWatcherOptions {
  agentsDir: string;
  catalog: Pick<AgentCatalog, "refresh" | "sourceFiles">;
  logger: Logger;
}

/** Editors write a file in several steps: the last one counts. */
const SETTLE_MS = 100;
const TRY_AGAIN_MS = 2_000;
/** Folders watched at once; what lies beyond is not. */
const MAX_FOLDERS = 50;

export class AgentWatcher implements Service {
  readonly name = "agent-watcher";
  readonly #options: AgentWatcherOptions;

  constructor(options: AgentWatcherOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#watch(signal);
      } catch (error) {
        this.#options.logger.warn("can't watch the agents folder; trying again", { error });
        await abortableWait(TRY_AGAIN_MS, signal);
      }
    }
  }

  /** Returns when other folders than now are to be watched, or at the end. */
  async #watch(signal: AbortSignal): Promise<void> {
    const folders = this.#folders();
    using watcher = Deno.watchFs(folders, { recursive: false });
    const stop = () => watcher.close();
    signal.addEventListener("abort", stop);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let areOthers = false;
    const look = async () => {
      await this.#look();
      areOthers = this.#folders().join() !== folders.join();
      if (areOthers && !signal.aborted) watcher.close();
    };
    try {
      // What changed before the watch began, or between two.
      await look();
      if (areOthers) return;
      for await (const { kind } of watcher) {
        if (kind === "access") continue;
        clearTimeout(timer);
        timer = setTimeout(() => void look(), SETTLE_MS);
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      await this.#options.catalog.refresh();
    } catch (error) {
      this.#options.logger.error("could not look at the agents folder", { error });
    }
  }

  #folders(): string[] {
    const { agentsDir, catalog } = this.#options;
    const folders = new Set([agentsDir, ...catalog.sourceFiles().map((file) => dirname(file))]);
    return [...folders].slice(0, MAX_FOLDERS).sort();
  }
}
