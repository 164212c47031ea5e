import { problem } from "./problem.ts";

export function noSuchJob(id: string): Response {
  return problem({
    status: 404,
    code: "not_found",
    title: "No such job",
    detail: `There is no job ${id}.`,
    remedy: "Take an id from GET /api/v1/jobs.",
  });
}
