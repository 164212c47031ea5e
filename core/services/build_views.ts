/** What tells of the instance and its fleet: live updates, samples, the pages' readers, metrics, checks. It decides nothing. */
import type { Database } from "../../db/client.ts";
import type { Admission } from "../capacity/admission.ts";
import type { AgentStops } from "../capacity/agent_stops.ts";
import type { LoadMeter } from "../capacity/load_meter.ts";
import type { ResourceMonitor } from "../capacity/resource_monitor.ts";
import type { LoadedConfig } from "../config/config.ts";
import { type EffectiveSetting, effectiveSettings } from "../config/effective_settings.ts";
import type { DataDir } from "../lifecycle/data_dir.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { ReadEnv } from "../runtime/child_permissions.ts";
import type { SlotPool } from "../runtime/slot_pool.ts";
import type { JobMetrics } from "../telemetry/job_metrics.ts";
import type { Metric } from "../telemetry/metrics.ts";
import { Sampler } from "../telemetry/sampler.ts";
import type { SpanWriter } from "../telemetry/span_writer.ts";
import { FleetUpdates } from "../updates/fleet_updates.ts";
import type { Hub } from "../updates/hub.ts";
import type { WorkerFleet } from "../worker/worker_fleet.ts";
import type { FleetParts } from "./build_fleet.ts";
import type { RecoveryParts } from "./build_recovery.ts";
import { CheckRunner } from "./check_runner.ts";
import { fleetSnapshot } from "./fleet_snapshot.ts";
import type { InstanceControl } from "./instance_control.ts";
import { instanceMetrics } from "./instance_metrics.ts";
import { madeSettings } from "./made_settings.ts";
import { NavigationCounter } from "./navigation_counts.ts";
import { OverviewReader } from "./overview.ts";
import { RoomWatch } from "./room_board.ts";
import { StorageReader } from "./storage_report.ts";

export interface ViewSources {
  loaded: LoadedConfig;
  dataDir: DataDir;
  projectDir: string;
  readEnv: ReadEnv;
  instanceId: string;
  database: Database;
  livekit: LivekitServer;
  livekitHealth: LivekitHealth;
  catalog: AgentCatalog;
  admission: Admission;
  stops: AgentStops;
  control: InstanceControl;
  resources: ResourceMonitor;
  loadMeter: LoadMeter;
  pool: SlotPool;
  childPids: () => number[];
  workers: WorkerFleet;
  hub: Hub;
  jobMetrics: JobMetrics;
  spanWriter: SpanWriter;
  fleet: FleetParts;
  recovery: RecoveryParts;
  logger: Logger;
}

export interface ViewParts {
  fleetUpdates: FleetUpdates;
  sampler: Sampler;
  overview: OverviewReader;
  rooms: RoomWatch;
  counts: NavigationCounter;
  checks: CheckRunner;
  storage: StorageReader;
  /** Every setting's value and where it comes from. */
  settings: readonly EffectiveSetting[];
  /** This instance's own. */
  metrics: readonly Metric[];
}

export function buildViews(sources: ViewSources): ViewParts {
  const { loaded, dataDir, projectDir, readEnv, instanceId, database, livekit, livekitHealth, catalog, logger } =
    sources;
  const { admission, stops, control, resources, loadMeter, pool, childPids, workers, hub, jobMetrics } = sources;
  const { spanWriter, fleet, recovery } = sources;
  const { config } = loaded;
  const watched = { instanceId, admission, control, pool, workers, livekitHealth };
  const snapshot = () => ({ ...fleetSnapshot(watched), others: fleet.others() });
  const fleetUpdates = new FleetUpdates({ hub, snapshot, logger });
  fleet.directory.onRead(() => fleetUpdates.touch());
  const loadByAgent = () =>
    Object.fromEntries(catalog.list().map(({ name }) => [name, loadMeter.loadRatioOf(name, performance.now())]));
  const sampler = new Sampler({
    ...{ database, instanceId, jobMetrics, loadByAgent, childPids, logger },
    slots: () => admission.snapshot(),
    onSample: (sample) => hub.publish("load", "load", sample),
  });
  const { breakers } = recovery;
  const overview = new OverviewReader({ ...watched, ...{ database, resources, sampler, fleet, breakers, stops } });
  const requestTimeoutMs = config.livekitRequestTimeoutMs;
  const rooms = new RoomWatch({ livekit, database, hub, logger, requestTimeoutMs });
  const { directory } = fleet;
  const counts = new NavigationCounter({ database, admission, workers, rooms, hub, directory, logger });
  const metrics = instanceMetrics({
    ...{ jobMetrics, admission, pool, workers, livekitHealth, hub, breakers },
    lossMetrics: recovery.losses.metrics,
    queueDepth: () => sampler.latest?.queue ?? [],
    spansDropped: () => spanWriter.dropped,
  });
  const running = { database, livekit, agents: () => catalog.snapshot() };
  return {
    ...{ fleetUpdates, sampler, overview, rooms, counts, metrics },
    checks: new CheckRunner({ loaded, projectDir, readEnv, running }),
    storage: new StorageReader({ database, dataDir: dataDir.path }),
    settings: effectiveSettings(loaded, madeSettings({ livekit, dataDir: dataDir.path })),
  };
}
