/** What asks for a profile, and a profile as a download that Chrome's developer tools open. */
import { z } from "zod";
import type { FleetProfile, ProfileAsker } from "../../core/services/fleet_profiles.ts";
import { PROFILE_KINDS, PROFILE_SUFFIXES, type ProfileKind } from "../../core/telemetry/profile.ts";
import { actorOf } from "./access.ts";
import type { State } from "./define.ts";
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

type Failure = Exclude<FleetProfile, { ok: true }>["code"];

const FAILURES: Record<Failure, { status: number; title: string; remedy: string }> = {
  profile_busy: {
    status: 409,
    title: "A profile is being taken",
    remedy: "Wait until it is there; one is taken at a time.",
  },
  job_not_running: {
    status: 409,
    title: "The job does not run",
    remedy: "Ask while it runs.",
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
  instance_not_found: {
    status: 404,
    title: "There is no such instance",
    remedy: "GET /api/v1/instances lists them.",
  },
  instance_not_answering: {
    status: 504,
    title: "That instance does not answer",
    remedy: "Look at it again in a minute. If it is gone, another instance takes its calls over.",
  },
  instance_refused: { status: 409, title: "That instance could not do it", remedy: "See that instance's log." },
  profile_failed: { status: 502, title: "The profile could not be taken", remedy: "Try again; the detail says why." },
};

/** Who asks for a profile, for the instance that takes it. */
export function profileAsker({ principal }: State): ProfileAsker {
  return { actor: actorOf(principal), role: principal?.role ?? "viewer" };
}

/** @param name of the file, without its end. */
export function profileAnswer(profile: FleetProfile, request: Request, name: string, kind: ProfileKind): Response {
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
