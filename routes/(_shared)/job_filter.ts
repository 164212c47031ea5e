/** The jobs list's search, as terms, for the database. */
import { sinceMs, type Term, valuesOf } from "../../components/jobs/query.ts";
import type { JobFilter } from "../../db/job_search.ts";

export function filterOf(terms: readonly Term[], now: Date): JobFilter {
  const spans = valuesOf(terms, "since").map((value) => sinceMs(value) ?? 0);
  return {
    states: valuesOf(terms, "state") as JobFilter["states"],
    agents: valuesOf(terms, "agent"),
    rooms: valuesOf(terms, "room"),
    errors: valuesOf(terms, "error"),
    priorities: valuesOf(terms, "priority") as JobFilter["priorities"],
    origins: valuesOf(terms, "origin") as JobFilter["origins"],
    ids: valuesOf(terms, "id"),
    words: valuesOf(terms, ""),
    metadata: terms.filter(({ key }) => key.startsWith("meta.")).map(({ key, value }) => ({
      name: key.slice("meta.".length),
      value,
    })),
    since: spans.length === 0 ? null : new Date(now.getTime() - Math.max(...spans)),
  };
}
