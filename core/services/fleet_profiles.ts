/**
 * Profiles of any instance of the fleet and of its jobs, whichever instance is asked.
 *
 *   asked here                          where it is
 *   command "profile" ────────────────▶ checked, begun, answered
 *                                       taken (profiling.ts), then sent in parts, one after the other:
 *   part kept, answered ◀────────────── command "profile_part"; the last says so, or what went wrong
 *
 * - A part is sent when the one before it was taken: the database holds one at a time, and keeps none (db/instance_commands.ts).
 * - Who asked may be gone, or have given up: then no part is taken any more, and the rest is not sent.
 * - Waited for: the time that was asked for and SNAPSHOT_LIMIT_MS, then PART_TIMEOUT_MS for each part. The size is bounded
 *   as that of a job's own profile (MAX_PROFILE_BYTES).
 * - Only for admins, which both ends check.
 */
import { z } from "zod";
import { ROLES } from "../../db/schema/states.ts";
import { includesRole, type Principal } from "../auth/principal.ts";
import type { CommandResult, FleetCommands } from "../coordination/fleet_commands.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import { joinChunks, MAX_PROFILE_BYTES } from "../runtime/job_profile.ts";
import { PROFILE_KINDS, type ProfileRequest, SNAPSHOT_LIMIT_MS } from "../telemetry/profile.ts";
import { type Profile, PROFILE_FAILURES, type Profiling } from "./profiling.ts";

export type FleetProfile =
  | Profile
  | { ok: false; code: "instance_not_found" | "instance_not_answering" | "instance_refused"; message: string };

/** Who asks, and as what for the log. */
export interface ProfileAsker {
  actor: string;
  role: Principal["role"];
}

export interface FleetProfilesOptions {
  instanceId: string;
  profiling: Pick<Profiling, "ofInstance" | "ofJob">;
  commands: Pick<FleetCommands, "send" | "handle">;
  logger: Logger;
  /** Compressed. */
  maxBytes?: number;
  partBytes?: number;
}

/** As text a third more; some tens of them are the largest profiles. */
const PART_BYTES = 1_048_576;
/** Between two parts: each is polled for when notices are off. */
const PART_TIMEOUT_MS = 15_000;
/** Profiles of other instances that are waited for at once. */
const MAX_AWAITED = 4;

const requestSchema = z.object({
  requestId: z.uuid(),
  /** Who gets the parts. */
  askedBy: z.uuid(),
  role: z.enum(ROLES),
  /** Null: of the instance itself. */
  jobId: z.uuid().nullable(),
  kind: z.enum(PROFILE_KINDS),
  durationMs: z.int().min(0),
});

/** `chunk`: base64. */
const partSchema = z.union([
  z.object({ requestId: z.uuid(), chunk: z.string(), isLast: z.boolean() }),
  z.object({
    requestId: z.uuid(),
    error: z.object({ code: z.enum(PROFILE_FAILURES).catch("profile_failed"), message: z.string() }),
  }),
]);

type Asked = z.infer<typeof requestSchema>;

/** A profile on its way to us. */
interface Awaited {
  chunks: Uint8Array<ArrayBuffer>[];
  bytes: number;
  done: PromiseWithResolvers<Profile>;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class FleetProfiles {
  readonly #options: FleetProfilesOptions;
  readonly #awaited = new Map<string, Awaited>();
  /** Request whose profile is being sent from here; not its last part, after which another may be asked for at once. */
  #sending: string | null = null;

  constructor(options: FleetProfilesOptions) {
    this.#options = options;
    options.commands.handle("profile", (payload, actor) => this.#begin(requestSchema.parse(payload), actor));
    options.commands.handle("profile_part", (payload) => this.#partCame(partSchema.parse(payload)));
  }

  /** Throws what the database throws, when the instance is another one. */
  async ofInstance(instanceId: string, request: ProfileRequest, asker: ProfileAsker): Promise<FleetProfile> {
    const isOwn = instanceId === this.#options.instanceId;
    return await (isOwn ? this.#options.profiling.ofInstance(request) : this.#ask(instanceId, null, request, asker));
  }

  /** Throws what the database throws, when another instance runs the job. */
  async ofJob(
    { id, instanceId, endedAt }: { id: string; instanceId: string; endedAt: Date | null },
    request: ProfileRequest,
    asker: ProfileAsker,
  ): Promise<FleetProfile> {
    const isElsewhere = instanceId !== this.#options.instanceId && endedAt === null;
    return await (isElsewhere ? this.#ask(instanceId, id, request, asker) : this.#options.profiling.ofJob(id, request));
  }

  async #ask(
    instanceId: string,
    jobId: string | null,
    request: ProfileRequest,
    { actor, role }: ProfileAsker,
  ): Promise<FleetProfile> {
    if (this.#awaited.size >= MAX_AWAITED) {
      const message = `${MAX_AWAITED} profiles of other instances are on their way already.`;
      return { ok: false, code: "profile_busy", message };
    }
    const requestId = uuidv7();
    const awaited: Awaited = { chunks: [], bytes: 0, done: Promise.withResolvers(), timer: undefined };
    this.#awaited.set(requestId, awaited);
    try {
      const asked: Asked = { requestId, askedBy: this.#options.instanceId, role, jobId, ...request };
      const begun = await this.#options.commands.send(instanceId, "profile", asked, actor);
      if (!begun.ok) return refused(begun);
      this.#waitFor(awaited, request.durationMs + SNAPSHOT_LIMIT_MS + PART_TIMEOUT_MS);
      return await awaited.done.promise;
    } finally {
      clearTimeout(awaited.timer);
      this.#awaited.delete(requestId);
    }
  }

  #waitFor(awaited: Awaited, timeoutMs: number): void {
    clearTimeout(awaited.timer);
    const message = `Nothing more of it came within ${timeoutMs} ms.`;
    awaited.timer = setTimeout(
      () => awaited.done.resolve({ ok: false, code: "profile_timeout", message }),
      timeoutMs,
    );
  }

  #partCame(part: z.infer<typeof partSchema>): void {
    const awaited = this.#awaited.get(part.requestId);
    if (!awaited) throw new Error("Nobody waits for this profile any more.");
    if ("error" in part) return awaited.done.resolve({ ok: false, ...part.error });
    const { maxBytes = MAX_PROFILE_BYTES } = this.#options;
    const chunk = Uint8Array.fromBase64(part.chunk);
    awaited.bytes += chunk.length;
    if (awaited.bytes > maxBytes) {
      const message = `The profile has more than ${maxBytes} bytes, compressed.`;
      awaited.done.resolve({ ok: false, code: "profile_too_large", message });
      throw new Error(message);
    }
    awaited.chunks.push(chunk);
    if (part.isLast) awaited.done.resolve({ ok: true, gzip: joinChunks(awaited.chunks, awaited.bytes) });
    else this.#waitFor(awaited, PART_TIMEOUT_MS);
  }

  /** Taking it takes longer than a command may: what comes of it is sent by and by. */
  #begin(asked: Asked, actor: string): void {
    if (!includesRole(asked.role, "admin")) throw new Error("Profiles are for admins.");
    this.#takeAndSend(asked, actor).catch((error) =>
      this.#options.logger.warn("a profile could not be sent to another instance", { to: asked.askedBy, actor, error })
    );
  }

  async #takeAndSend({ requestId, askedBy, jobId, kind, durationMs }: Asked, actor: string): Promise<void> {
    const { commands, partBytes = PART_BYTES } = this.#options;
    const send = (part: object) => commands.send(askedBy, "profile_part", { requestId, ...part }, actor);
    const profile = await this.#take(jobId, { kind, durationMs });
    if (!profile.ok) return stopAt(await send({ error: { code: profile.code, message: profile.message } }));
    const { gzip } = profile;
    try {
      for (let sent = 0; sent < gzip.length; sent += partBytes) {
        const isLast = sent + partBytes >= gzip.length;
        this.#sending = isLast ? null : requestId;
        stopAt(await send({ chunk: gzip.subarray(sent, sent + partBytes).toBase64(), isLast }));
      }
    } finally {
      if (this.#sending === requestId) this.#sending = null;
    }
  }

  async #take(jobId: string | null, request: ProfileRequest): Promise<Profile> {
    const { profiling } = this.#options;
    if (this.#sending !== null) {
      return { ok: false, code: "profile_busy", message: "Another profile is being sent there." };
    }
    return await (jobId === null ? profiling.ofInstance(request) : profiling.ofJob(jobId, request));
  }
}

function stopAt(result: CommandResult): void {
  if (!result.ok) throw new Error(result.message);
}

function refused({ code, message }: Extract<CommandResult, { ok: false }>): FleetProfile {
  const codes = {
    no_such_instance: "instance_not_found",
    timed_out: "instance_not_answering",
    failed: "instance_refused",
  } as const;
  return { ok: false, code: codes[code], message };
}
