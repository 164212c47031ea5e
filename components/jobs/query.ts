/**
 * Search by qualifiers: `state:failed agent:echo room:abc* error:"no answer" meta.customer:42 since:1h`, and plain words
 * that a room's name contains. Several values of one qualifier: any of them. Pure; browser and server read it alike.
 */

export interface Term {
  /** "" for a plain word; "meta.<name>" for metadata. */
  key: string;
  value: string;
}

export interface JobQuery {
  terms: Term[];
  /** What was not understood, in words; the rest still counts. */
  problems: string[];
}

const QUALIFIERS = ["state", "agent", "room", "error", "since", "id", "priority", "origin", "meta."] as const;
export const STATES = ["queued", "placed", "running", "succeeded", "failed", "cancelled", "expired"] as const;
const CHOICES: Record<string, readonly string[]> = {
  state: STATES,
  priority: ["urgent", "high", "normal", "low"],
  origin: ["rest", "dashboard", "livekit", "rule", "retry"],
};
const MAX_TERMS = 20;
const MAX_CHARS = 1_000;
const UNITS_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function parseQuery(text: string): JobQuery {
  const terms: Term[] = [];
  const problems: string[] = [];
  for (const [, key = "", quoted, plain] of text.slice(0, MAX_CHARS).matchAll(/(?:([\w.-]+):)?(?:"([^"]*)"|(\S+))/g)) {
    const value = (quoted ?? plain ?? "").trim();
    const problem = problemOf(key, value);
    if (problem !== null) problems.push(problem);
    else if (value !== "" && terms.length < MAX_TERMS) terms.push({ key, value });
  }
  return { terms, problems };
}

function problemOf(key: string, value: string): string | null {
  if (key.startsWith("meta.")) return key.length > "meta.".length ? null : "meta. needs a name: meta.customer:42.";
  if (key !== "" && !(QUALIFIERS as readonly string[]).includes(key)) {
    return `There is no qualifier "${key}": use ${QUALIFIERS.join(", ")}…`;
  }
  const choices = CHOICES[key];
  if (choices && !choices.includes(value)) return `${key}:${value} is none of ${choices.join(", ")}.`;
  if (key === "since" && sinceMs(value) === null) return `since:${value} is no span of time: write 30m, 1h or 7d.`;
  if (key === "id" && !/^[0-9a-f-]{4,36}$/i.test(value)) return `id:${value} is no id or end of one.`;
  return null;
}

/** "1h" → 3,600,000. Null when it is no span. */
export function sinceMs(value: string): number | null {
  const found = /^(\d{1,4})([smhd])$/.exec(value);
  const unit = UNITS_MS[found?.[2] ?? ""];
  return found && unit !== undefined ? Number(found[1]) * unit : null;
}

export function textOf({ key, value }: Term): string {
  const written = /[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
  return key === "" ? written : `${key}:${written}`;
}

export function queryText(terms: readonly Term[]): string {
  return terms.map(textOf).join(" ");
}

export function jobsHref(terms: readonly Term[], cursor: string | null = null): string {
  const params = new URLSearchParams();
  if (terms.length > 0) params.set("q", queryText(terms));
  if (cursor !== null) params.set("cursor", cursor);
  const text = params.toString();
  return text === "" ? "/jobs" : `/jobs?${text}`;
}

/** Values of one qualifier. */
export function valuesOf(terms: readonly Term[], key: string): string[] {
  return terms.filter((term) => term.key === key).map(({ value }) => value);
}

export interface Matchable {
  state: string;
  agent: string;
  room: string;
  priority: string;
  origin: string;
  id: string;
}

/** Whether a dispatch that just came or changed belongs to the list; null: the browser can't tell (metadata, errors). */
export function matches(terms: readonly Term[], dispatch: Matchable): boolean | null {
  if (terms.some(({ key }) => key === "error" || key.startsWith("meta."))) return null;
  const any = (key: keyof Matchable, fits: (value: string) => boolean) => {
    const values = valuesOf(terms, key);
    return values.length === 0 || values.some(fits);
  };
  return any("state", (value) => dispatch.state === value) &&
    any("agent", (value) => dispatch.agent === value) &&
    any("room", (value) => fitsRoom(value, dispatch.room)) &&
    any("priority", (value) => dispatch.priority === value) &&
    any("origin", (value) => dispatch.origin === value) &&
    any("id", (value) => dispatch.id.endsWith(value.toLowerCase())) &&
    valuesOf(terms, "").every((word) => dispatch.room.toLowerCase().includes(word.toLowerCase()));
}

function fitsRoom(value: string, room: string): boolean {
  return value.endsWith("*") ? room.startsWith(value.slice(0, -1)) : room === value;
}

/** What could stand in place of the last, unfinished word. */
export function completionsOf(text: string, agents: readonly string[]): string[] {
  const word = /\S*$/.exec(text)?.[0] ?? "";
  const colon = word.indexOf(":");
  if (colon < 0) {
    return QUALIFIERS.filter((key) => key.startsWith(word)).map((key) => key === "meta." ? key : `${key}:`);
  }
  const [key, begun] = [word.slice(0, colon), word.slice(colon + 1)];
  const values = key === "agent" ? agents : key === "since" ? ["15m", "1h", "24h", "7d"] : CHOICES[key] ?? [];
  return values.filter((value) => value.startsWith(begun) && value !== begun).map((value) => `${key}:${value}`);
}
