/**
 * In which zone this browser shows times: UTC, or its own when its reader chose so (kept in localStorage). The server and
 * a browser without JavaScript always show UTC; islands read the signal, so that they follow a change.
 */
import { signal } from "@preact/signals";
import type { Zone } from "../format.ts";

const KEPT_AS = "greenroom.times";

/** In the browser only; on the server it stays "utc". */
export const timeZone = signal<Zone>("utc");

/** The kept choice; a browser that keeps nothing shows UTC. */
export function readKeptZone(): Zone {
  try {
    return localStorage.getItem(KEPT_AS) === "local" ? "local" : "utc";
  } catch {
    return "utc"; // storage is forbidden: then there is no choice to follow
  }
}

export function keepZone(zone: Zone): void {
  timeZone.value = zone;
  try {
    localStorage.setItem(KEPT_AS, zone);
  } catch {
    // Storage is forbidden or full: the choice lasts as long as the page.
  }
}
