/**
 * What each instance hosts, and how much room it has: each writes its own rows and reads the others'.
 *
 *   something changed here ──SETTLE_MS──▶ rows written ──notice "fleet"──▶ the others read       (alone: SETTLE_ALONE_MS)
 *   nothing changed ──────── EVERY_MS ──▶ rows written (their age proves that they are true), the others' read
 *   notice "fleet" ─────────────────────▶ the others' read at once, alone until then or not
 *
 * What an instance has not repeated for STALE_MS is unknown: it is still listed, with its age, but counts for nothing. The
 * directory decides nothing by itself: claims are guarded in the database, so a wrong picture costs a wait, never a job.
 */
import type { Database } from "../../db/client.ts";
import {
  explainUnhosted,
  type HostedAgent,
  type InstanceAgentRow,
  listOtherInstanceAgents,
  pruneInstanceAgents,
  writeInstanceAgents,
} from "../../db/instance_agents.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { Notices } from "./notices.ts";

export interface FleetDirectoryOptions {
  database: Database;
  instanceId: string;
  /** What this instance hosts now. */
  hosted: () => HostedAgent[];
  notices: Pick<Notices, "on" | "tell">;
  logger: Logger;
  nowMs?: () => number;
}

/** An agent on another instance, as that one last said. */
export interface OtherAgent extends HostedAgent {
  instanceId: string;
  ageMs: number;
  /** It has not been repeated in time: what it says may be wrong now. */
  isStale: boolean;
}

export interface OtherInstance {
  instanceId: string;
  hostname: string;
  version: string;
  state: string;
  region: string | null;
  isCordoned: boolean;
  maxJobs: number;
  agents: OtherAgent[];
}

const EVERY_MS = 2_000;
const SETTLE_MS = 100;
/** Without another instance nobody waits to hear of changes. */
const SETTLE_ALONE_MS = 1_000;
const PRUNE_EVERY_MS = 600_000;
/** Four rounds missed; as long as the lease of an instance. */
export const STALE_MS = 8_000;

export class FleetDirectory implements Service {
  readonly name = "fleet-directory";
  readonly #options: FleetDirectoryOptions;
  readonly #nowMs: () => number;
  readonly #alarm = new Alarm();
  /** Another instance has told something: ends the settling. */
  readonly #noticed = new Alarm();
  readonly #listeners = new Set<() => void>();
  #rows: readonly InstanceAgentRow[] = [];
  #readAtMs = 0;
  #pruneAtMs = -Infinity;
  #explainedAtMs = -Infinity;
  /** What was last told to the others, without the figures that change with every job. */
  #told = "";

  constructor(options: FleetDirectoryOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Something has changed here. Cheap: may be called from the middle of anything. */
  touch(): void {
    this.#alarm.ring();
  }

  /** Calls `listener` after each read. */
  onRead(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The other instances that have not ended. */
  others(): OtherInstance[] {
    const byId = new Map<string, OtherInstance>();
    const sinceMs = this.#nowMs() - this.#readAtMs;
    for (const { instanceId, hostname, region, isCordoned, hosted, ageMs, ...row } of this.#rows) {
      const known = byId.get(instanceId) ?? {
        ...{ instanceId, hostname, region, isCordoned },
        ...{ version: row.instanceVersion, state: row.instanceState, maxJobs: row.maxJobsOfInstance, agents: [] },
      };
      byId.set(instanceId, known);
      if (hosted === null) continue;
      const age = (ageMs ?? 0) + sinceMs;
      known.agents.push({ ...hosted, instanceId, ageMs: Math.round(age), isStale: age > STALE_MS });
    }
    return [...byId.values()];
  }

  /** An agent on the other instances. */
  elsewhere(agent: string): OtherAgent[] {
    return this.others().flatMap(({ agents }) => agents.filter((each) => each.agent === agent));
  }

  /** Whether another instance takes jobs of the agent; in this region, when given. */
  isServing(agent: string, region?: string): boolean {
    return this.others().some((other) =>
      (region === undefined || other.region === region) && other.state === "running" && !other.isCordoned &&
      other.agents.some((each) => each.agent === agent && each.state === "ready" && each.isAdmitting && !each.isStale)
    );
  }

  /** Whether another instance has the agent, able to run it or not. */
  isHosting(agent: string): boolean {
    return this.elsewhere(agent).some(({ isStale }) => !isStale);
  }

  /** Whether there is another instance. */
  hasOthers(): boolean {
    return this.#rows.length > 0;
  }

  /** Whether another instance has a region. */
  hasRegions(): boolean {
    return this.#rows.some(({ region }) => region !== null);
  }

  /** What can't be told or read now is so in the next round. */
  async start(): Promise<void> {
    await this.refresh().catch((error) => this.#failed(error));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { notices } = this.#options;
    const stopListening = notices.on((topic) => {
      if (topic !== "fleet") return;
      this.#noticed.ring();
      this.#alarm.ring();
    });
    while (!signal.aborted) {
      await this.#alarm.wait(EVERY_MS, signal);
      await this.#noticed.wait(this.hasOthers() ? SETTLE_MS : SETTLE_ALONE_MS, signal);
      if (signal.aborted) break;
      try {
        await this.refresh(this.#nowMs() - this.#explainedAtMs >= EVERY_MS);
      } catch (error) {
        this.#failed(error);
      }
    }
    stopListening();
  }

  /**
   * One round: tells, explains why dispatches wait unless not asked to (that reads all that wait, so not after each
   * change), and reads. Throws what the database throws.
   */
  async refresh(explains = true): Promise<void> {
    const { database, instanceId, hosted, notices } = this.#options;
    const own = hosted();
    await writeInstanceAgents(database, instanceId, own);
    const told = JSON.stringify(
      own.map(({ used: _, free: _free, warm: _warm, worker: _worker, ...lasting }) => lasting),
    );
    if (told !== this.#told) notices.tell("fleet");
    this.#told = told;
    if (explains) {
      await explainUnhosted(database, STALE_MS);
      this.#explainedAtMs = this.#nowMs();
    }
    await this.#prune();
    const rows = await listOtherInstanceAgents(database, instanceId);
    this.#readAtMs = this.#nowMs();
    this.#rows = rows;
    for (const listener of this.#listeners) listener();
  }

  #failed(error: unknown): void {
    const { logger } = this.#options;
    logger.debug("the other instances could not be told or asked what is hosted; trying again", { error });
  }

  async #prune(): Promise<void> {
    if (this.#nowMs() < this.#pruneAtMs) return;
    await pruneInstanceAgents(this.#options.database);
    this.#pruneAtMs = this.#nowMs() + PRUNE_EVERY_MS;
  }
}
