import { exactTime } from "../../components/format.ts";
import { rowOf } from "../../components/jobs/row.ts";
import { jobsHref, parseQuery, type Term } from "../../components/jobs/query.ts";
import { listInstanceNames } from "../../db/dispatch_history.ts";
import { searchDispatches } from "../../db/job_search.ts";
import { decodeCursor, encodeCursor } from "../../db/page.ts";
import JobsList, { type JobsListProps } from "../../islands/JobsList.tsx";
import { define, type State } from "../(_shared)/define.ts";
import { filterOf } from "../(_shared)/job_filter.ts";
import { rowOfFound } from "../(_shared)/job_row.ts";
import { canOperate, pageData } from "../(_shared)/page.ts";
import { partsOf } from "../(_shared)/parts.ts";

const PAGE_SIZE = 50;

/** `q` may come several times (tokens and text of the form without JavaScript); `without` takes one token out. */
export const handler = define.handlers({
  async GET(ctx) {
    const { searchParams } = ctx.url;
    const { terms, problems } = parseQuery(searchParams.getAll("q").join(" "));
    const without = searchParams.get("without");
    if (without !== null) return ctx.redirect(jobsHref(terms.filter((_, index) => String(index) !== without)));
    const data = await listOf(ctx.state, { terms, problems, cursorText: searchParams.get("cursor") });
    return searchParams.get("as") === "data" ? ctx.json(data) : pageData(data);
  },
});

export default define.page<typeof handler>(({ data, state }) => (
  <JobsList {...data} canOperate={canOperate(state)} csrf={state.csrfToken ?? ""} />
));

async function listOf(
  state: State,
  { terms, problems, cursorText }: { terms: Term[]; problems: string[]; cursorText: string | null },
): Promise<JobsListProps> {
  const { database, catalog, admission, live } = partsOf(state);
  const now = new Date();
  const cursor = cursorText === null ? null : decodeCursor(cursorText);
  const { found, stoppedAt } = await searchDispatches(
    database.reads,
    { limit: PAGE_SIZE, cursor },
    filterOf(terms, now),
  );
  // Memory is ahead of the database by the milliseconds that a write takes.
  const rows = found.map((each) => {
    const view = live.find(each.id)?.view;
    return view ? rowOf(view) : rowOfFound(each);
  });
  const names = await listInstanceNames(database.reads, rows.flatMap(({ instanceId }) => instanceId ?? []));
  const last = found.at(-1);
  const next = found.length < PAGE_SIZE || !last ? stoppedAt : { id: last.id, createdAt: new Date(last.createdAtMs) };
  return {
    terms,
    problems: stoppedAt === null ? problems : [...problems, stoppedText(stoppedAt.createdAt)],
    rows,
    nextCursor: next && encodeCursor(next),
    isFirstPage: cursor === null,
    agents: [...new Set(catalog.list().map(({ name }) => name))],
    instanceNames: Object.fromEntries(names),
    counts: { Live: admission.snapshot().used },
    now: now.toISOString(),
  };
}

function stoppedText(at: Date): string {
  return `Looked as far back as ${exactTime(at)}. Older goes on from there.`;
}
