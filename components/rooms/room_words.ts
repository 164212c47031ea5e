/** How the states of rooms and the reasons behind them are told. */
import { count, plural } from "../format.ts";
import type { ExpectedAgent, RoomBoard, RoomState, RoomView } from "./types.ts";

/** Colour and glyph of `State`, and the word beside them. */
export function stateWords({ state, expected }: RoomView): { state: string; word: string } {
  const present = expected.filter(({ presence }) => presence === "present").length;
  const words: Record<RoomState, { state: string; word: string }> = {
    silent: { state: "silent", word: "silent" },
    partly_served: { state: "attention", word: `${present} of ${plural(expected.length, "agent")}` },
    starting: { state: "placed", word: "agent is coming" },
    served: { state: "serving", word: "served" },
    unattended: { state: "cancelled", word: "no agent asked for" },
    empty: present > 0 ? { state: "scheduled", word: "agent waits" } : { state: "cancelled", word: "nobody there" },
    unknown: { state: "unknown", word: "not known" },
  };
  return words[state];
}

const REASONS: Record<string, string> = {
  no_free_slot: "no slot is free",
  agent_not_hosted: "no instance hosts it",
  not_taken_by_livekit: "waits for a slot: LiveKit gave it to nobody",
  agent_broken: "its file does not load",
  agent_loading: "it is being loaded",
  livekit_unreachable: "LiveKit can't be reached",
};

/** Why an expected agent is not there: "echo waits: no slot is free". */
export function absenceWords({ agent, presence, reason }: ExpectedAgent): string {
  const why = reason === null ? "" : `: ${REASONS[reason] ?? reason}`;
  switch (presence) {
    case "present":
      return `${agent} is there`;
    case "starting":
      return `${agent} is coming`;
    case "lost":
      return `${agent} was lost${why}`;
    case "waiting":
      return `${agent} is not there yet${why}`;
  }
}

/** The page's answer in a sentence. */
export function summaryOf(board: Extract<RoomBoard, { livekit: "reachable" }>): string {
  const { rooms } = board;
  const people = rooms.reduce((sum, room) => sum + (room.people ?? 0), 0);
  const unknown = rooms.filter(({ state }) => state === "unknown").length;
  const agents = rooms.flatMap(({ expected }) => expected).filter(({ presence }) => presence === "present").length;
  const silent = rooms.filter(({ state }) => state === "silent").length;
  const served = silent > 0
    ? `In ${plural(silent, "room")} people hear no agent.`
    : people === 0
    ? "Nobody is on a call."
    : "Nobody waits for an agent that is missing.";
  const seen = `${plural(people, "person", "people")}, ${plural(agents, "agent")} of ours. ${served}`;
  return unknown === 0 ? seen : `${seen} Who is in ${count(unknown)} of them is not known.`;
}

/** The Dispatch page, filled in. */
export function dispatchHref({ name, expected }: RoomView): string {
  const params = new URLSearchParams({ room: name });
  const missing = expected.find(({ presence }) => presence !== "present");
  if (missing) params.set("agent", missing.agent);
  return `/dispatch?${params}`;
}
