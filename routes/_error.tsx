import { type Context, HttpError, page } from "fresh";
import { ProblemPage, type ProblemPageProps } from "../components/ProblemPage.tsx";
import { wantsPage } from "./(_shared)/access.ts";
import { describeDatabaseError } from "../db/database_error.ts";
import { define, type State } from "./(_shared)/define.ts";
import { problem } from "./(_shared)/problem.ts";

/** What no route answered and what a route threw: a page for readers, problem details for programs. */
export const handler = define.handlers(async (ctx) => {
  const response = problemOf(ctx);
  if (!wantsPage(ctx)) return response;
  const { title, detail, remedy } = await response.json();
  return page<ProblemPageProps>({ title, detail, remedy }, { status: response.status });
});

export default define.page<typeof handler>(({ data }) => <ProblemPage {...data} />);

function problemOf(ctx: Context<State>): Response {
  const { error } = ctx;
  if (error instanceof HttpError && error.status === 404) {
    return problem({
      status: 404,
      code: "no_such_route",
      title: "Nothing here",
      detail: `There is nothing at ${ctx.req.method} ${ctx.url.pathname}.`,
      remedy: "GET /api/v1/openapi.json lists what there is.",
    });
  }
  if (error instanceof HttpError) {
    const { status, message } = error;
    return problem({ status, code: "http_error", title: message, detail: message, remedy: "Correct the request." });
  }
  const known = describeDatabaseError(error);
  const { controlPlane } = ctx.state;
  controlPlane.logger.error("a request failed", { method: ctx.req.method, path: ctx.url.pathname, error });
  if (known.code !== "unexpected") controlPlane.suspectDatabase();
  if (known.code === "unexpected") {
    return problem({
      status: 500,
      code: "internal_error",
      title: "Something went wrong here",
      detail: "The request could not be served because of an error in Greenroom.",
      remedy: "See this instance's log; if it repeats, report it with the log lines.",
    });
  }
  return problem({
    status: 503,
    code: `database_${known.code}`,
    title: "The database can't be used",
    detail: known.message,
    remedy: known.remedy,
    headers: { "retry-after": "1" },
  });
}
