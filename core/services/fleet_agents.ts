/**
 * The agents of the whole fleet: this instance's as they are, the others' as they last said. What an instance has not
 * repeated in time is unknown (null), and so is every sum that it is part of. Pure.
 */
import type { OtherInstance } from "../coordination/fleet_directory.ts";
import type { HostedAgent } from "../../db/instance_agents.ts";

/** An agent on one instance. */
export interface AgentOnInstance {
  instanceId: string;
  agent: string;
  /** "unknown" when it was not repeated in time. */
  state: HostedAgent["state"] | "unknown";
  error: string | null;
  version: string;
  running: number | null;
  free: number | null;
  warm: number | null;
  /** Whether the instance takes new jobs of it, full or not. */
  isAdmitting: boolean | null;
  /** How old this is; 0: of the instance that answers. */
  ageMs: number;
}

export interface FleetAgent {
  name: string;
  /** Of the instance that answers when it hosts the agent, else the best of the others. */
  state: AgentOnInstance["state"] | "not_hosted";
  error: string | null;
  /** By the instance that answers. */
  isHosted: boolean;
  /** Over all instances; null: unknown, or nobody hosts it. */
  running: number | null;
  free: number | null;
  warm: number | null;
  instances: AgentOnInstance[];
}

/** From the best to the worst. */
const STATES = ["ready", "loading", "broken", "unknown"] as const;

/** @param known agents that the fleet has seen, hosted now or not. */
export function fleetAgents(
  own: { instanceId: string; hosted: readonly HostedAgent[] },
  others: readonly OtherInstance[],
  known: readonly { name: string; error: string | null }[],
): FleetAgent[] {
  const here = own.hosted.map((each) => ofOwn(own.instanceId, each));
  const all = [...here, ...others.flatMap(({ agents }) => agents.map(ofOther))];
  const names = new Set([...here.map(({ agent }) => agent), ...all.map(({ agent }) => agent).sort()]);
  const rest = known.filter(({ name }) => !names.has(name));
  return [
    ...[...names].map((name) => together(name, all.filter(({ agent }) => agent === name), own.instanceId)),
    ...rest.map(({ name, error }): FleetAgent => ({
      ...{ name, error, state: "not_hosted", isHosted: false, running: null, free: null, warm: null, instances: [] },
    })),
  ];
}

function together(name: string, instances: AgentOnInstance[], ownId: string): FleetAgent {
  const mine = instances.find(({ instanceId }) => instanceId === ownId);
  const best = instances.toSorted((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state))[0];
  const { state, error } = mine ?? best ?? { state: "unknown", error: null };
  const isHosted = mine !== undefined;
  const sum = (figure: "running" | "free" | "warm") => sumOf(instances.map((each) => each[figure]));
  return { name, state, error, isHosted, running: sum("running"), free: sum("free"), warm: sum("warm"), instances };
}

function sumOf(values: readonly (number | null)[]): number | null {
  return values.includes(null) ? null : values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function ofOwn(instanceId: string, { agent, state, error, version, ...rest }: HostedAgent): AgentOnInstance {
  const { used: running, free, warm, isAdmitting } = rest;
  return { instanceId, agent, state, error, version, running, free, warm, isAdmitting, ageMs: 0 };
}

function ofOther({ isStale, ageMs, instanceId, ...hosted }: OtherInstance["agents"][number]): AgentOnInstance {
  const said = { ...ofOwn(instanceId, hosted), ageMs };
  if (!isStale) return said;
  return { ...said, state: "unknown", running: null, free: null, warm: null, isAdmitting: null };
}
