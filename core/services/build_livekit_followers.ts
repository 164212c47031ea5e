/** Who follows what LiveKit's server placed, or was to place: built together, because they share what they need. */
import type { Database } from "../../db/client.ts";
import type { LostParticipantJob } from "../../db/reruns.ts";
import type { Admission } from "../capacity/admission.ts";
import type { AgentStops } from "../capacity/agent_stops.ts";
import { AbandonedPlacements } from "../dispatch/abandoned_placements.ts";
import { AwaitedOffers } from "../dispatch/awaited_offers.ts";
import type { JobStarter } from "../dispatch/job_starter.ts";
import type { LiveDispatches } from "../dispatch/live_dispatches.ts";
import type { WorkerDirectory } from "../dispatch/livekit_placement.ts";
import { LivekitRecords } from "../dispatch/livekit_records.ts";
import { MissedOffers } from "../dispatch/missed_offers.ts";
import { ParticipantReruns, type RerunDecision } from "../dispatch/participant_reruns.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import type { RecoveryAdvisor } from "../recovery/recovery_advisor.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import { isFailureClass } from "../runtime/failure_class.ts";
import { FAILURE_KINDS } from "../runtime/job_end.ts";
import type { JobRunner } from "../runtime/job_runner.ts";

export interface LivekitFollowers {
  /** A job of a standing dispatch is gone, or a slot is free. */
  jobGone(): void;
  /** A dispatch that LiveKit may have placed is run again. */
  runsAgain(): void;
  /** What LiveKit could give to nobody. */
  missed: MissedOffers;
  /** And what of that is still awaited. */
  awaited: AwaitedOffers;
  services: readonly Service[];
}

export interface FollowerSources {
  database: Database;
  instanceId: string;
  server: string;
  actor: string;
  api: ServerApi;
  catalog: AgentCatalog;
  admission: Admission;
  live: LiveDispatches;
  starter: JobStarter;
  runner: JobRunner;
  workers: WorkerDirectory;
  /** Agents to whose workers here LiveKit can give nothing now. */
  notTaking: () => Iterable<string>;
  maxMetadataBytes: number;
  queueCapacity: number;
  advisor: Pick<RecoveryAdvisor, "decide">;
  stops: Pick<AgentStops, "stop">;
  onQueued: () => void;
  logger: Logger;
}

export function buildLivekitFollowers(
  { actor, workers, onQueued, advisor, stops, notTaking, maxMetadataBytes, queueCapacity, ...sources }: FollowerSources,
): LivekitFollowers {
  const records = new LivekitRecords(sources);
  const reruns = new ParticipantReruns({
    ...sources,
    decide: (job) => decideRerun(advisor, stops, job),
    onRerun: () => records.wake(),
  });
  const abandoned = new AbandonedPlacements({ ...sources, actor, workers, onQueued });
  const awaited = new AwaitedOffers({ ...sources, actor });
  const missed = new MissedOffers({
    ...sources,
    ...{ actor, notTaking, maxMetadataBytes, queueCapacity },
    onQueued: () => {
      awaited.wake();
      onQueued();
    },
  });
  // Full for a moment only is full enough for LiveKit to have dropped something.
  sources.admission.onChange(() => missed.noteAll());
  return {
    ...{ missed, awaited },
    jobGone: () => reruns.wake(),
    runsAgain: () => records.wake(),
    services: [records, reruns, abandoned, missed, awaited],
  };
}

/** By the same policy as every other failure. */
async function decideRerun(
  advisor: Pick<RecoveryAdvisor, "decide">,
  stops: Pick<AgentStops, "stop">,
  job: LostParticipantJob,
): Promise<RerunDecision> {
  const kind = FAILURE_KINDS.find((each) => each === job.failureKind) ?? "exception";
  const failure = {
    ...{ kind, message: job.failureMessage },
    ...(isFailureClass(job.failureClass) ? { class: job.failureClass } : {}),
    ...(job.retryAfterMs === null ? {} : { retryAfterMs: job.retryAfterMs }),
  };
  const { agent, dispatchId, jobId, room, participant, jobCount, endedAt } = job;
  const decided = await advisor.decide(
    { agent, dispatchId, jobId, participant, room, attempt: jobCount, failure },
    endedAt,
  );
  if (decided.action === "TERMINATE") stops.stop(agent, `${kind}: ${job.failureMessage}`, new Date());
  if (decided.action === "RETRY") return { notBefore: endedAt };
  return decided.action === "BACKOFF" ? { notBefore: decided.notBefore } : null;
}
