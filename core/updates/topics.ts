/**
 * What can be listened to. Events of each topic (data is JSON):
 *
 *   dispatches      `dispatch`: a dispatch as GET /api/v1/dispatches/{id} shows it, without its metadata, at every change
 *   dispatch:<id>   `stage`, `state`, `log`, `progress`, `end` of one dispatch
 *   fleet           `fleet`: slots, workers and LiveKit as this instance sees them, and what the others last said of theirs, at
 *                   most twice a second
 *   load            `load`: the newest sample, every 5 s
 *   rooms           `rooms`: the rooms of the LiveKit server have changed; a hint, GET /api/v1/rooms has them
 *   counts          `counts`: the figures beside the navigation
 *   bulk            `bulk`: how far a bulk operation is, wherever it is worked on
 *
 * Every stream begins with `hello`. `gap` says that events were missed: fetch anew what is shown.
 * `dispatches` and `dispatch:<id>` tell of the whole fleet (what happens elsewhere a moment later); the others of the
 * instance that serves the stream.
 */

const MAX_TOPICS = 20;
const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const TOPIC = new RegExp(`^(dispatches|fleet|load|rooms|counts|bulk|dispatch:${UUID})$`);

/** Events kept per family of topics, for clients that resume: number and bytes. */
export const HISTORY_LIMITS = {
  dispatches: { maxEvents: 2_000, maxBytes: 4_194_304 },
  dispatch: { maxEvents: 4_000, maxBytes: 8_388_608 },
  fleet: { maxEvents: 20, maxBytes: 1_048_576 },
  load: { maxEvents: 20, maxBytes: 1_048_576 },
  rooms: { maxEvents: 20, maxBytes: 65_536 },
  counts: { maxEvents: 20, maxBytes: 65_536 },
  bulk: { maxEvents: 100, maxBytes: 262_144 },
} as const;

export type TopicFamily = keyof typeof HISTORY_LIMITS;

export function familyOf(topic: string): TopicFamily {
  return Object.hasOwn(HISTORY_LIMITS, topic) ? topic as TopicFamily : "dispatch";
}

export function dispatchTopic(dispatchId: string): string {
  return `dispatch:${dispatchId}`;
}

/** Null: the topic is none of one dispatch. */
export function dispatchIdOf(topic: string): string | null {
  return topic.startsWith("dispatch:") ? topic.slice("dispatch:".length) : null;
}

/** Topics from "a,b", or what is wrong with it. */
export function parseTopics(text: string): { ok: true; topics: string[] } | { ok: false; message: string } {
  const topics = [...new Set(text.split(",").map((topic) => topic.trim()).filter((topic) => topic !== ""))];
  if (topics.length === 0) return { ok: false, message: "must name at least one topic" };
  if (topics.length > MAX_TOPICS) return { ok: false, message: `must name at most ${MAX_TOPICS} topics` };
  const unknown = topics.find((topic) => !TOPIC.test(topic));
  if (unknown !== undefined) {
    return {
      ok: false,
      message: `"${unknown.slice(0, 80)}" is none of dispatches, fleet, load, rooms, counts, bulk, dispatch:<id>`,
    };
  }
  return { ok: true, topics };
}
