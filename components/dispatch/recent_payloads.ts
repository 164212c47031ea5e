/** What was dispatched from this browser, newest first, kept in its localStorage and nowhere else. */
import type { FormValues } from "./form_values.ts";

export const MAX_RECENT = 10;
/** A payload with more metadata is not kept. */
const MAX_PAYLOAD_CHARS = 16_384;
const STORAGE_KEY = "greenroom.recent-payloads";

export interface RecentPayload {
  /** ISO 8601. */
  at: string;
  values: FormValues;
}

/** With this one first; the same values are there once. Pure. */
export function withRecent(list: readonly RecentPayload[], values: FormValues, at: Date): RecentPayload[] {
  if (JSON.stringify(values).length > MAX_PAYLOAD_CHARS) return [...list];
  const others = list.filter((each) => JSON.stringify(each.values) !== JSON.stringify(values));
  return [{ at: at.toISOString(), values }, ...others].slice(0, MAX_RECENT);
}

/** What the text that was stored holds; an older or broken one holds nothing. Pure. */
export function parseRecent(text: string | null): RecentPayload[] {
  try {
    const list: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.filter(isPayload).slice(0, MAX_RECENT) : [];
  } catch {
    return []; // Somebody else's: it is written over by the next payload.
  }
}

export function readRecent(): RecentPayload[] {
  try {
    return parseRecent(localStorage.getItem(STORAGE_KEY));
  } catch {
    return []; // The browser keeps nothing for this page.
  }
}

/** An empty list takes the entry away. */
export function storeRecent(list: readonly RecentPayload[]): void {
  try {
    if (list.length === 0) localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, JSON.stringify(list));
  } catch {
    // The browser keeps nothing for this page, or is full: the list lasts as long as the page.
  }
}

function isPayload(value: unknown): value is RecentPayload {
  if (!isRecord(value) || typeof value.at !== "string" || !isRecord(value.values)) return false;
  const { agent, room, metadataAs, fields, json, priority, placement } = value.values;
  const { participantIdentity = "", startAt = "", expiresAfter = "" } = value.values;
  const texts = [agent, room, json, priority, placement, participantIdentity, startAt, expiresAfter];
  return texts.every((each) => typeof each === "string") &&
    (metadataAs === "form" || metadataAs === "json") && !Number.isNaN(Date.parse(value.at)) &&
    isRecord(fields) && Object.values(fields).every((each) => typeof each === "string");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
