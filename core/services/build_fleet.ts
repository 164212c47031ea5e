/** What the instances of a fleet know of each other and ask each other, wired: notices, commands, the directory. */
import { z } from "zod";
import type { Database } from "../../db/client.ts";
import type { HostedAgent } from "../../db/instance_agents.ts";
import { type Admission, isLastingRefusal } from "../capacity/admission.ts";
import type { Config } from "../config/settings.ts";
import { FleetCommands } from "../coordination/fleet_commands.ts";
import { FleetDirectory } from "../coordination/fleet_directory.ts";
import { Notices } from "../coordination/notices.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import { RegionPreference } from "../dispatch/region_preference.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { SlotPool } from "../runtime/slot_pool.ts";
import type { WorkerFleet } from "../worker/worker_fleet.ts";
import { type FleetAgent, fleetAgents } from "./fleet_agents.ts";
import { workerReport } from "./fleet_workers.ts";
import type { InstanceControl } from "./instance_control.ts";

/** How long somebody waits for another instance's answer. */
const COMMAND_TIMEOUT_MS = 5_000;

const cancelSchema = z.object({ dispatchId: z.uuid() });
const drainSchema = z.object({ deadlineMs: z.int().min(0).optional() });

export interface FleetSources {
  config: Config;
  database: Database;
  instanceId: string;
  /** What this instance hosts now. */
  hosted: () => HostedAgent[];
  logger: Logger;
}

export interface FleetParts {
  notices: Notices;
  commands: FleetCommands;
  directory: FleetDirectory;
  regions: RegionPreference;
  /** Agents of all instances, and those of `known` that nobody hosts. */
  agents(known: readonly { name: string; error: string | null }[]): FleetAgent[];
  /**
   * The other instances for `fleet` events: without ages and of workers only the state, so that what has not changed looks
   * unchanged.
   */
  others(): unknown[];
  services: readonly Service[];
}

export function buildFleet({ config, database, instanceId, hosted, logger }: FleetSources): FleetParts {
  const notices = new Notices({ database, instanceId, isEnabled: config.notify, logger });
  const commands = new FleetCommands({ database, instanceId, notices, timeoutMs: COMMAND_TIMEOUT_MS, logger });
  const directory = new FleetDirectory({ database, instanceId, hosted, notices, logger });
  const regions = new RegionPreference({ region: config.region, graceMs: config.regionGraceMs, others: directory });
  return {
    ...{ notices, commands, directory, regions },
    agents: (known) => fleetAgents({ instanceId, hosted: hosted() }, directory.others(), known),
    others: () =>
      directory.others().map(({ agents, ...instance }) => ({
        ...instance,
        agents: agents.map(({ ageMs: _ageMs, worker, ...agent }) => ({
          ...agent,
          worker: worker && { state: worker.connection.state, refusal: worker.refusal },
        })),
      })),
    services: [notices, commands, directory],
  };
}

/** This instance's agents, as the others are told of them. */
export function hostedAgents(
  { catalog, admission, pool, livekitHealth, workers }: {
    catalog: Pick<AgentCatalog, "list">;
    admission: Pick<Admission, "usedBy" | "freeFor" | "refusalFor">;
    pool: Pick<SlotPool, "snapshot">;
    livekitHealth: Pick<LivekitHealth, "isReachable">;
    workers: Pick<WorkerFleet, "list">;
  },
  nowMs: number,
): HostedAgent[] {
  const lanes = pool.snapshot();
  return catalog.list().map(({ name, state, error, version, descriptor }) => {
    const refusal = admission.refusalFor(name);
    const worker = workers.list().find(({ agent, isRetired }) => agent === name && !isRetired);
    const isOpen = refusal === null || (refusal !== "stopping" && !isLastingRefusal(refusal));
    return {
      ...{ agent: name, state, error: error ?? null, version },
      jobType: descriptor?.jobType ?? "room",
      namespace: descriptor?.namespace ?? "",
      deployment: descriptor?.deployment ?? "",
      maxJobs: descriptor?.maxJobs ?? null,
      used: admission.usedBy(name),
      free: admission.freeFor(name),
      warm: lanes.find((lane) => lane.agent === name)?.warm ?? 0,
      isAdmitting: isOpen && livekitHealth.isReachable,
      worker: worker && state !== "broken" ? workerReport(worker, nowMs) : null,
    };
  });
}

/** What this instance does when another asks. What can't be done is thrown, in words for whoever asked. */
export function handleCommands(
  commands: FleetCommands,
  { dispatcher, control, config }: {
    dispatcher: Pick<Dispatcher, "cancelHere">;
    control: Pick<InstanceControl, "cordon" | "uncordon" | "drain">;
    config: Pick<Config, "drainTimeoutMs">;
  },
): void {
  commands.handle("cancel_job", async (payload, actor) => {
    const { dispatchId } = cancelSchema.parse(payload);
    const result = await dispatcher.cancelHere(dispatchId, actor);
    if (!result.ok) throw new Error(`Cannot cancel the dispatch here: ${result.refusal.code}`);
  });
  commands.handle("cordon", (_payload, actor) => control.cordon(actor));
  commands.handle("uncordon", async (_payload, actor) => {
    if (!await control.uncordon(actor)) throw new Error("It was told to end by a signal, which can't be undone.");
  });
  commands.handle("drain", async (payload, actor) => {
    const { deadlineMs = config.drainTimeoutMs } = drainSchema.parse(payload);
    await control.drain({ actor, deadlineMs, then: "stay" }).recorded;
  });
}
