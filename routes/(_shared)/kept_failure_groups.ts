/**
 * The groups of failed jobs that the Recover page shows: summing up a week of failures is the dearest read of all, so it is
 * done once for all who look, and again when another job has failed or the answer is KEEP.freshMs old (windows move on, and
 * a failure may be recorded late).
 */
import type { Parts } from "../../core/services/control_plane.ts";
import { type KeepFor, KeptReads } from "../../core/services/kept_reads.ts";
import { type FailureGroup, findNewestFailure, listFailureGroups } from "../../db/failure_groups.ts";

const KEEP: KeepFor = { freshMs: 10_000, staleMs: 30_000 };
/** Of a few windows, each before and after a failure. */
const MAX_KEPT = 12;

const kept = new WeakMap<Parts, KeptReads<FailureGroup[]>>();

/** Of the `windowMs` before now. */
export async function failureGroups(parts: Parts, windowMs: number): Promise<FailureGroup[]> {
  const { reads } = parts.database;
  const newest = await findNewestFailure(reads);
  const answers = kept.getOrInsertComputed(parts, () => new KeptReads({ maxKeys: MAX_KEPT }));
  const read = () => {
    const nowMs = Date.now();
    return listFailureGroups(reads, new Date(nowMs - windowMs), new Date(nowMs));
  };
  return await answers.read(JSON.stringify([windowMs, newest]), read, KEEP);
}
