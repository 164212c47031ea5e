/** What asks for a profile, and a profile as a download that Chrome's developer tools open. */
import { z } from "zod";
import type { Profile } from "../../core/services/profiling.ts";
import { PROFILE_KINDS, PROFILE_SUFFIXES, type ProfileKind } from "../../core/telemetry/profile.ts";
import { problem } from "./problem.ts";

const MAX_SECONDS = 30;
const DEFAULT_SECONDS = 5;

export const profileQuerySchema = z.strictObject({
  kind: z.enum(PROFILE_KINDS).default("cpu").meta({
    description:
      "cpu: where the time goes; allocations: what is allocated meanwhile, and where; heap: all that is held now.",
  }),
  seconds: z.string().regex(/^\d{1,2}$/, "must be a whole number").transform(Number)
    .refine((n) => n >= 1 && n <= MAX_SECONDS, `must be between 1 and ${MAX_SECONDS}`).default(DEFAULT_SECONDS)
    .meta({ description: "For how long; a heap snapshot takes none." }),
});

type Failure = Exclude<Profile, { ok: true }>["code"];

const FAILURES: Record<Failure, { status: number; title: string; remedy: string }> = {
  profile_busy: {
    status: 409,
    title: "A profile is being taken",
    remedy: "Wait until it is there; one is taken at a time.",
  },
  job_not_running: {
    status: 409,
    title: "The job does not run here",
    remedy: "Ask while it runs, at the instance that runs it (its instanceId).",
  },
  heap_too_large: {
    status: 409,
    title: "The heap is too large for a snapshot",
    remedy: "Take kind=allocations over a while: it shows what allocates, without stopping the process.",
  },
  profile_too_large: { status: 502, title: "The profile is too large", remedy: "Ask for fewer seconds." },
  profile_timeout: {
    status: 504,
    title: "The profile did not come in time",
    remedy: "The process may be stuck or overloaded: see its log; then try again with fewer seconds.",
  },
  profile_failed: { status: 502, title: "The profile could not be taken", remedy: "Try again; the detail says why." },
};

/** @param name of the file, without its end. */
export function profileAnswer(profile: Profile, request: Request, name: string, kind: ProfileKind): Response {
  if (!profile.ok) {
    return problem({ code: profile.code, detail: profile.message, ...FAILURES[profile.code] });
  }
  const headers = {
    "content-type": "application/octet-stream",
    "content-disposition": `attachment; filename="${name}.${PROFILE_SUFFIXES[kind]}"`,
    "cache-control": "no-store",
  };
  const packed = new Blob([profile.gzip as BlobPart]).stream();
  if (/\bgzip\b/.test(request.headers.get("accept-encoding") ?? "")) {
    return new Response(packed, { headers: { ...headers, "content-encoding": "gzip" } });
  }
  return new Response(packed.pipeThrough(new DecompressionStream("gzip")), { headers });
}
