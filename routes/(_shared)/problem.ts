/** RFC 9457 problem details: every error that REST answers has a code for programs, the cause and a remedy. */
import { z } from "zod";
import { ERROR_STATUSES, errorStatusOf } from "../../core/runtime/error_status.ts";

const PROBLEM_TYPE = "application/problem+json";

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  remedy: z.string(),
  errorStatus: z.enum(ERROR_STATUSES).optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
}).loose().meta({ id: "Problem", description: "RFC 9457 problem details." });

export interface Problem {
  status: number;
  code: string;
  title: string;
  detail: string;
  remedy: string;
  errors?: { path: string; message: string }[];
  /** Further members, e.g. `dispatch`. */
  members?: Record<string, unknown>;
  headers?: Record<string, string>;
}

export function problem({ status, code, title, detail, remedy, errors, members, headers }: Problem): Response {
  const errorStatus = errorStatusOf(code);
  const body = {
    type: `urn:greenroom:problem:${code}`,
    title,
    status,
    detail,
    code,
    remedy,
    ...(errorStatus === null ? {} : { errorStatus }),
    ...(errors === undefined ? {} : { errors }),
    ...members,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": PROBLEM_TYPE, "cache-control": "no-store", ...headers },
  });
}

export function isProblem(response: Response): boolean {
  return response.headers.get("content-type") === PROBLEM_TYPE;
}

/** 400 for input that the zod schema refuses: one entry per field. */
export function invalidInput(error: z.ZodError, where: "body" | "query"): Response {
  const errors = error.issues.slice(0, 100).flatMap((issue) => {
    const path = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: [path, key].filter(Boolean).join("."),
        message: "is not a known field",
      }));
    }
    return [{ path, message: issue.message }];
  });
  const named = errors.slice(0, 3).map(({ path, message }) => path === "" ? message : `${path}: ${message}`).join("; ");
  return problem({
    status: 400,
    code: "invalid_request",
    title: "The request is not valid",
    detail: `The ${where} is not valid: ${named}`,
    remedy: "Correct the named fields; GET /api/v1/openapi.json describes them.",
    errors,
  });
}
