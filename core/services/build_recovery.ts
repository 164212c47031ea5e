/** Recovery, wired: who decides after a failure, who rescues jobs of dead instances, and what is measured of it. */
import { ParticipantInfo_Kind, type WebhookEvent } from "@livekit/protocol";
import { listAttempts } from "../../db/attempts.ts";
import type { Database } from "../../db/client.ts";
import type { AgentStops } from "../capacity/agent_stops.ts";
import type { Config } from "../config/settings.ts";
import { InstanceWatch } from "../coordination/instance_watch.ts";
import { Leadership } from "../coordination/leadership.ts";
import type { DispatchChange } from "../dispatch/dispatch_updates.ts";
import type { DispatchView } from "../dispatch/dispatch_view.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import { BreakerBoard } from "../recovery/breaker_board.ts";
import { JobRecovery } from "../recovery/job_recovery.ts";
import { LossRecorder } from "../recovery/loss_recorder.ts";
import { MovedOnJobs } from "../recovery/moved_on_jobs.ts";
import { OrphanRescuer } from "../recovery/orphan_rescuer.ts";
import { SilentRooms } from "../recovery/silent_rooms.ts";
import { RecoveryAdvisor } from "../recovery/recovery_advisor.ts";
import type { RoomCalls } from "../recovery/room_sight.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { JobRunner } from "../runtime/job_runner.ts";

export interface RecoverySources {
  config: Config;
  database: Database;
  instanceId: string;
  /** Owner of the data directory before us. */
  previousInstanceId: string | null;
  catalog: AgentCatalog;
  api: RoomCalls;
  /** Name of the LiveKit server in rows. */
  server: string;
  livekitHealth: LivekitHealth;
  runner: () => Pick<JobRunner, "list">;
  /** Told when an agent answers TERMINATE. */
  stops: Pick<AgentStops, "stop">;
  /** How long our session with the database has been there. */
  connectedForMs: () => number;
  /** Whether our own changes wait for the database. */
  isSpooling: () => boolean;
  /** A dispatch waits for its next attempt, not before this time (null: now). */
  onRetry: (notBefore: Date | null) => void;
  logger: Logger;
}

export interface RecoveryParts {
  advisor: RecoveryAdvisor;
  breakers: BreakerBoard;
  jobs: JobRecovery;
  losses: LossRecorder;
  silentRooms: SilentRooms;
  rescuer: OrphanRescuer;
  /** Told of every change of a dispatch whose last job is ours. */
  dispatchChanged(view: DispatchView, change: DispatchChange): void;
  services: readonly Service[];
}

export function buildRecovery(sources: RecoverySources): RecoveryParts {
  const { config, database, instanceId, catalog, api, server, livekitHealth, isSpooling, onRetry, logger } = sources;
  const losses = new LossRecorder({ database, catalog, logger });
  const livekitReachableForMs = () => reachableForMs(livekitHealth, Date.now());
  const advisor = new RecoveryAdvisor({
    ...{ catalog, settings: config, livekitReachableForMs, logger },
    attempts: (query) => listAttempts(database, query),
  });
  const rescuer = new OrphanRescuer({
    ...{ database, instanceId, advisor, losses, api, isSpooling, onRetry, logger },
    previousInstanceId: sources.previousInstanceId,
    reachableForMs: livekitReachableForMs,
  });
  const watch = new InstanceWatch({
    ...{ database, instanceId, logger },
    connectedForMs: sources.connectedForMs,
    onDead: (id, isLockFree) => rescuer.instanceDied(id, isLockFree),
  });
  const runner = { list: () => sources.runner().list() };
  const leadership = new Leadership({ database, work: "silent-rooms", instanceId, logger });
  const silentRooms = new SilentRooms({
    ...{ database, instanceId, server, advisor, losses, api, isSpooling, onRetry, logger },
    isLeader: () => leadership.isLeader,
  });
  const breakers = new BreakerBoard({
    ...{ database, threshold: config.breakerThreshold, logger },
    running: () => runner.list().map(({ plan }) => ({ agent: plan.agent, jobId: plan.key.jobId })),
    onChange: () => onRetry(null),
  });
  return {
    advisor,
    breakers,
    jobs: new JobRecovery({ advisor, losses, breakers, stops: sources.stops, api, server, logger }),
    losses,
    silentRooms,
    rescuer,
    dispatchChanged: (view, change) => tellLosses(losses, view, change),
    services: [
      rescuer,
      watch,
      breakers,
      leadership,
      silentRooms,
      new MovedOnJobs({ database, runner, isSpooling, logger }),
    ],
  };
}

/** LiveKit's webhook says that an agent left a room. */
export function isAgentGone({ event, participant }: Pick<WebhookEvent, "event" | "participant">): boolean {
  return event === "participant_left" && participant?.kind === ParticipantInfo_Kind.AGENT;
}

function tellLosses(losses: LossRecorder, view: DispatchView, change: DispatchChange): void {
  const job = view.jobs.at(-1);
  if (!job) return;
  const { id: jobId, dispatchId, agent, room, attempt } = job;
  const { readyAt, endedAt } = view.stages;
  if (change.kind === "stage" && change.stage === "ready" && attempt > 1 && readyAt !== null) {
    losses.recovered({ dispatchId, jobId, agent, room, attempt, at: new Date(readyAt) });
  }
  if (change.kind === "ended" && endedAt !== null && (attempt > 1 || view.state === "failed")) {
    const reason = view.failure?.message ?? view.state;
    losses.ended({ dispatchId, jobId, agent, room, attempt, at: new Date(endedAt) }, view.state === "failed", reason);
  }
}

function reachableForMs(health: LivekitHealth, nowMs: number): number {
  const { state, since } = health.snapshot();
  return state === "reachable" ? nowMs - since.getTime() : 0;
}
