/** What keeps the database's rows and what runs here the same through outages, wired. */
import type { Database } from "../../db/client.ts";
import type { DatabaseWatch } from "../coordination/database_watch.ts";
import type { LifecycleWriter } from "../coordination/lifecycle_writer.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { JobStarter } from "../dispatch/job_starter.ts";
import type { LiveDispatches } from "../dispatch/live_dispatches.ts";
import { PlacementReconciler } from "../dispatch/placement_reconciler.ts";
import { UnconfirmedRequests } from "../dispatch/unconfirmed_requests.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { JobRunner } from "../runtime/job_runner.ts";

export interface OutageSources {
  database: Database;
  databaseWatch: DatabaseWatch;
  instanceId: string;
  writer: LifecycleWriter;
  runner: Pick<JobRunner, "find">;
  starter: Pick<JobStarter, "placing">;
  live: LiveDispatches;
  dispatcher: () => Pick<Dispatcher, "cancelHere">;
  wakeQueue: () => void;
  logger: Logger;
}

export interface OutageParts {
  unconfirmed: UnconfirmedRequests;
  services: readonly Service[];
}

export function buildOutages(sources: OutageSources): OutageParts {
  const { database, databaseWatch, instanceId, writer, runner, starter, live, wakeQueue, logger } = sources;
  const isAway = () => databaseWatch.awaySince !== null;
  const unconfirmed = new UnconfirmedRequests({
    cancel: (id, actor) => sources.dispatcher().cancelHere(id, actor),
    actor: `instance:${instanceId}`,
    ...{ isAway, logger },
  });
  const reconciler = new PlacementReconciler({
    ...{ database, instanceId, runner, live, unconfirmed, writer, logger },
    placing: starter.placing,
    isSpooling: () => writer.isAway || isAway(),
    onRetry: wakeQueue,
  });
  databaseWatch.onChange((isGone) => {
    if (isGone) return;
    unconfirmed.wake();
    wakeQueue();
  });
  return { unconfirmed, services: [unconfirmed, reconciler] };
}
