/**
 * Keeps why each job was placed here: noted in memory when it is assigned, completed with the other instances and written
 * off the hot path, at most once a second. What the list can't hold, or the database does not take, is dropped
 * and said in the log: an explanation is nice to have.
 */
import type { Database } from "../../db/client.ts";
import { type DecisionRow, insertPlacementDecisions, listCandidates } from "../../db/placement_decisions.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { DispatchView } from "./dispatch_view.ts";
import { type Candidate, candidatesOf, type OwnState, whyPlaced } from "./explain_placement.ts";

const FLUSH_MS = 1_000;
const MAX_NOTED = 500;

/** As stored. */
export interface PlacementDecision {
  why: string;
  /** From the request (from its start, when scheduled) until the placement was stored. */
  answerMs: number;
  candidates: Candidate[];
}

interface Noted {
  view: Pick<DispatchView, "id" | "agent" | "region">;
  jobId: string;
  at: Date;
  why: string;
  answerMs: number;
  own: OwnState;
}

export interface DecisionRecorderOptions {
  database: Database;
  instanceId: string;
  /** Jobs that run or are reserved here. */
  running: () => number;
  logger: Logger;
}

export class DecisionRecorder implements Service {
  readonly name = "decision-recorder";
  readonly #options: DecisionRecorderOptions;
  #noted: Noted[] = [];
  #dropped = 0;

  constructor(options: DecisionRecorderOptions) {
    this.#options = options;
  }

  /** Its last job was just assigned to this instance. */
  placed(view: DispatchView): void {
    const job = view.jobs.at(-1);
    if (!job) return;
    if (this.#noted.length >= MAX_NOTED) {
      this.#dropped += 1;
      return;
    }
    const { instanceId, running } = this.#options;
    const at = new Date(job.stages.assignedAt ?? job.stages.requestedAt);
    const from = Math.max(Date.parse(view.createdAt), Date.parse(view.scheduledAt ?? view.createdAt));
    this.#noted.push({
      view: { id: view.id, agent: view.agent, region: view.region },
      jobId: job.id,
      at,
      why: whyPlaced({ placement: view.placement, attempt: job.attempt, waitedMs: at.getTime() - from }),
      answerMs: Math.max(0, Date.now() - from),
      own: { instanceId, running: running(), refusal: null },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const onError = (error: unknown) => logger.warn("could not keep why jobs were placed", { error });
    await runEvery({ everyMs: FLUSH_MS, signal, task: () => this.flush(), onError });
    await this.flush().catch(onError);
  }

  async flush(): Promise<void> {
    const { database, instanceId, logger } = this.#options;
    const noted = this.#noted;
    if (noted.length === 0) return;
    this.#noted = [];
    const agents = [...new Set(noted.map(({ view }) => view.agent))];
    const found = new Map(
      await Promise.all(agents.map(async (agent) => [agent, await listCandidates(database, agent)] as const)),
    );
    const decisions = noted.map(({ view, jobId, at, why, answerMs, own }): DecisionRow => {
      const candidates = candidatesOf(found.get(view.agent) ?? [], view.region, own);
      const decision: PlacementDecision = { why, answerMs, candidates };
      return { id: uuidv7(at.getTime()), dispatchId: view.id, jobId, instanceId, at, outcome: "placed", decision };
    });
    await insertPlacementDecisions(database, decisions);
    if (this.#dropped > 0) logger.warn("did not keep why some jobs were placed: too many", { jobs: this.#dropped });
    this.#dropped = 0;
  }
}
