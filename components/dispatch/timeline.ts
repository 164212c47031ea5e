/**
 * The branching timeline of one dispatch: lane 0 is the promise, each attempt is a lane of its own that leaves it. Pure.
 * Stages come from the stamps of dispatch and jobs; who asked and why it was queued again come from the history.
 */
import type { DispatchDetails, HistoryEntry } from "./details.ts";
import { isOver } from "./details.ts";
import type { JobView } from "./types.ts";

export interface TimelineRow {
  /** Null: now. */
  at: string | null;
  lane: number;
  /** Decides glyph and colour. */
  state: string;
  title: string;
  note: string;
  /** Since the attempt, or the dispatch, was asked for. */
  sinceMs: number | null;
  /** The first row of an attempt's lane. */
  isFork: boolean;
}

export interface TimelineLane {
  lane: number;
  colour: string;
  name: string;
  /** Indices of the first and last row that it passes. */
  first: number;
  last: number;
}

export interface Timeline {
  rows: TimelineRow[];
  lanes: TimelineLane[];
}

const COLOURS: Record<string, string> = {
  failed: "var(--st-failed)",
  running: "var(--st-served-fill)",
  succeeded: "var(--st-ended)",
  cancelled: "var(--st-cancelled)",
};

export function timelineOf(details: DispatchDetails, nowMs: number): Timeline {
  const { dispatch } = details;
  const rows = [...dispatchRows(details), ...dispatch.jobs.flatMap((job, index) => jobRows(job, index + 1, details))];
  rows.sort((a, b) => Date.parse(a.at ?? "") - Date.parse(b.at ?? "") || order(a) - order(b));
  const last = dispatch.jobs.at(-1);
  const inCall = !isOver(dispatch) && last && last.stages.endedAt === null;
  if (!isOver(dispatch)) {
    const { readyAt } = dispatch.stages;
    rows.push({
      at: null,
      lane: inCall ? dispatch.jobs.length : 0,
      state: dispatch.state,
      title: readyAt !== null ? "In the call" : inCall ? "Starting" : "Waiting",
      note: "",
      sinceMs: nowMs - Date.parse(readyAt ?? dispatch.createdAt),
      isFork: false,
    });
  }
  const lanes = [
    { lane: 0, colour: "var(--tone-line)", name: "dispatch", first: 0, last: rows.length - 1 },
    ...dispatch.jobs.map((job, index) => {
      const lane = index + 1;
      return {
        lane,
        colour: COLOURS[job.state] ?? "var(--st-placed)",
        name: `attempt ${job.attempt}`,
        first: rows.findIndex((row) => row.lane === lane),
        last: rows.findLastIndex((row) => row.lane === lane),
      };
    }),
  ];
  return { rows, lanes };
}

/** Rows of one moment: the promise before its attempt, the attempt's end before what follows from it. */
function order({ lane, state, isFork }: TimelineRow): number {
  if (lane === 0) return state === "queued" ? 0 : 3;
  return isFork ? 1 : 2;
}

function dispatchRows({ dispatch, history }: DispatchDetails): TimelineRow[] {
  const own = history.filter(({ subject }) => subject === "dispatch");
  const asked = own[0];
  const startMs = Date.parse(dispatch.createdAt);
  const row = (at: string, state: string, title: string, note: string): TimelineRow => ({
    at,
    lane: 0,
    state,
    title,
    note,
    sinceMs: at === dispatch.createdAt ? null : Date.parse(at) - startMs,
    isFork: false,
  });
  const accepted = row(
    dispatch.createdAt,
    "queued",
    "Dispatch accepted",
    `${asked ? `asked by ${actorWords(asked.actor)}` : originWords(dispatch.origin)}, priority ${dispatch.priority}`,
  );
  const again = own.filter(({ from, to }) => to === "queued" && from !== null)
    .map(({ at, cause }) => row(at, "retrying", "Queued again", causeWords(cause)));
  const endedAlone = dispatch.stages.endedAt !== null &&
    !dispatch.jobs.some(({ stages }) => stages.endedAt === dispatch.stages.endedAt);
  const end = endedAlone
    ? [
      row(
        dispatch.stages.endedAt ?? "",
        dispatch.state,
        `Dispatch ${dispatch.state}`,
        dispatch.failure?.message ?? endCause(own),
      ),
    ]
    : [];
  return [accepted, ...again, ...end];
}

function endCause(own: readonly HistoryEntry[]): string {
  const last = own.at(-1);
  return last ? `${causeWords(last.cause)}, by ${actorWords(last.actor)}` : "";
}

function jobRows(job: JobView, lane: number, { instanceNames, history }: DispatchDetails): TimelineRow[] {
  const { stages, attempt } = job;
  const startMs = Date.parse(stages.requestedAt);
  const rows: TimelineRow[] = [];
  const add = (at: string | null, state: string, title: string, note: string, isFork = false) => {
    if (at === null) return;
    rows.push({ at, lane, state, title, note, sinceMs: Math.max(0, Date.parse(at) - startMs), isFork });
  };
  const place = instanceNames[job.instanceId] ?? "an instance that is not known any more";
  add(stages.assignedAt ?? stages.requestedAt, "placed", `Attempt ${attempt} placed`, `on ${place}`, true);
  add(stages.enteredAt, "placed", "Entered", job.pid === null ? "" : `process ${job.pid} called the agent's entry`);
  add(stages.connectedAt, "placed", "Connected", `participant ${job.participantIdentity} in ${job.room}`);
  add(stages.readyAt, "running", "Ready", "the agent can be heard");
  const by = history.findLast(({ subject, jobId }) => subject === "job" && jobId === job.id);
  if (job.state === "failed") {
    add(stages.endedAt, "failed", `Attempt ${attempt} failed`, job.failure?.message ?? "");
  } else if (stages.endedAt !== null) {
    const killed = job.failure === null ? "" : `; ${job.failure.message}`;
    const who = job.state === "cancelled" && by ? `, by ${actorWords(by.actor)}` : "";
    add(
      stages.endedAt,
      job.state,
      `Attempt ${attempt} ${job.state}`,
      `${causeWords(job.endReason ?? "ended")}${who}${killed}`,
    );
  }
  return rows;
}

/** "rest:crm" → "crm over REST". */
function actorWords(actor: string): string {
  const [kind, name] = [actor.split(":")[0], actor.slice(actor.indexOf(":") + 1)];
  if (kind === "rest") return `${name} over REST`;
  if (kind === "dashboard") return `${name} in the dashboard`;
  if (kind === "instance") return "Greenroom";
  if (kind === "rule") return `rule ${name}`;
  return kind === "livekit" ? "LiveKit" : actor;
}

function originWords(origin: string): string {
  return `asked by ${origin}`;
}

/** Codes as words: room_closed → "room closed". */
export function causeWords(cause: string): string {
  return cause.replaceAll("_", " ");
}
