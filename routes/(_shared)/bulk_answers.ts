/** Bulk operations, as REST and the pages ask for them and are answered. */
import { parseQuery } from "../../components/jobs/query.ts";
import type { BulkRefusal, BulkWish } from "../../core/dispatch/bulk/bulk_operations.ts";
import type { BulkRequest } from "../../core/dispatch/bulk/bulk_request.ts";
import type { Input } from "./input.ts";
import { filterOf } from "./job_filter.ts";
import { problem } from "./problem.ts";

/** What a valid request wants; a search that is not understood is refused whole, since it would find more than was meant. */
export function wishOf({ kind, ids, query, group, requests }: BulkRequest, now: Date): Input<BulkWish> {
  if (kind === "create") return { ok: true, value: { kind, requests: requests ?? [] } };
  if (group) {
    const { fingerprint, since } = group;
    return { ok: true, value: { kind, source: { by: "group", fingerprint, since: new Date(since) } } };
  }
  if (query === undefined) return { ok: true, value: { kind, source: { by: "ids", ids: ids ?? [] } } };
  const { terms, problems } = parseQuery(query);
  if (problems.length > 0 || terms.length === 0) {
    const message = problems.join(" ") || "must say something";
    const response = problem({
      status: 400,
      code: "invalid_request",
      title: "The request is not valid",
      detail: `query: ${message}`,
      remedy: "Write it as on the Jobs page: state:failed agent:echo since:1h.",
      errors: [{ path: "query", message }],
    });
    return { ok: false, response };
  }
  return { ok: true, value: { kind, source: { by: "query", filter: filterOf(terms, now), text: query } } };
}

export function bulkRefusalProblem(refusal: BulkRefusal): Response {
  const { code } = refusal;
  switch (refusal.code) {
    case "too_many_items":
      return problem({
        ...{ status: 422, code, title: "That is too many for one operation" },
        detail: `More than ${refusal.maxItems} fit.`,
        remedy: "Narrow it (since:1h, agent:…), do it in parts, or raise GREENROOM_BULK_MAX_ITEMS.",
      });
    case "search_too_wide":
      return problem({
        ...{ status: 422, code, title: "The search is too wide" },
        detail: "Too many dispatches would have to be looked at to find those that fit.",
        remedy: "Narrow it by state:, room: or since:, which are looked up by an index.",
      });
    case "nothing_to_do":
      return problem({
        ...{ status: 422, code, title: "There is nothing to do" },
        detail: nothingText(refusal),
        remedy: "Look at the dispatches again: they may have changed.",
        members: { excluded: refusal.excluded },
      });
    case "count_changed":
      return problem({
        ...{ status: 409, code, title: "The number has changed" },
        detail: `It would be done to ${refusal.eligible}, not to ${refusal.expected}.`,
        remedy: "Look at it once more, then confirm the new number.",
        members: { eligible: refusal.eligible },
      });
    case "too_many_operations":
      return problem({
        ...{ status: 429, code, title: "Too many bulk operations run" },
        detail: `${refusal.maxRunning} run already.`,
        remedy: "Wait until one has ended, or abort one.",
        headers: { "retry-after": "10" },
      });
    case "bulk_not_found":
      return problem({
        ...{ status: 404, code, title: "No such bulk operation" },
        detail: `There is no bulk operation ${refusal.id}.`,
        remedy: "Take an id from GET /api/v1/bulk-operations.",
      });
  }
}

function nothingText({ kind, excluded }: Extract<BulkRefusal, { code: "nothing_to_do" }>): string {
  const none = `No dispatch that fits can be ${kind === "cancel" ? "cancelled" : "retried"}.`;
  return [none, ...excluded.map(({ count, reason }) => `${count}: ${reason}`)].join(" ");
}
