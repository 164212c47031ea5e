/**
 * Asks other instances to do what only they can (cancel a job that runs there, cordon, drain, profile), and does what they ask.
 *
 *   asked ──taken by the instance──▶ taken ──done──▶ answered (well, or why not)
 *     └──────── nobody takes or answers it in time ────────▶ timed_out (it is not taken later than MAX_AGE_MS)
 *
 * A command is a row; a notice makes it quick, polling makes it sure. It is taken once; what it asks for must be harmless
 * when it was done already.
 */
import type { Database } from "../../db/client.ts";
import {
  findCommandResult,
  finishCommand,
  insertCommand,
  pruneCommands,
  takeCommands,
  type TakenCommand,
} from "../../db/instance_commands.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { Notices } from "./notices.ts";

export type CommandKind = "cancel_job" | "cordon" | "uncordon" | "drain" | "profile" | "profile_part";

export type CommandResult =
  | { ok: true }
  | { ok: false; code: "no_such_instance" | "timed_out" | "failed"; message: string };

/** Does a command; throws what is wrong with it, in words for whoever asked. Others wait until it is done: not for long. */
export type CommandHandler = (payload: unknown, actor: string) => Promise<void> | void;

export interface FleetCommandsOptions {
  database: Database;
  instanceId: string;
  notices: Notices;
  /** How long `send` waits for the answer. */
  timeoutMs: number;
  logger: Logger;
}

const POLL_MS = 1_000;
/** Between looks for an answer, when no notice comes. */
const ANSWER_POLL_MS = 100;
const MAX_AGE_MS = 60_000;
const TAKE_LIMIT = 100;
const PRUNE_EVERY_MS = 600_000;
/** Answered commands are kept for people to look at. */
const KEEP_MS = 86_400_000;
const PRUNE_LIMIT = 1_000;
const NEVER = new AbortController().signal;

export class FleetCommands implements Service {
  readonly name = "fleet-commands";
  readonly #options: FleetCommandsOptions;
  readonly #handlers = new Map<string, CommandHandler>();
  readonly #alarm = new Alarm();
  readonly #answers = new Set<Alarm>();

  constructor(options: FleetCommandsOptions) {
    this.#options = options;
  }

  /** What to do when another instance asks for `kind`. */
  handle(kind: CommandKind, handler: CommandHandler): void {
    this.#handlers.set(kind, handler);
  }

  /** Asks another instance, and waits for its answer. Throws what the database throws. */
  async send(instanceId: string, kind: CommandKind, payload: unknown, actor: string): Promise<CommandResult> {
    const { database, notices, timeoutMs } = this.#options;
    const id = uuidv7();
    if (!await insertCommand(database, { id, instanceId, kind, payload, actor })) {
      return { ok: false, code: "no_such_instance", message: `There is no running instance ${instanceId}` };
    }
    notices.tell("commands", instanceId);
    const answered = new Alarm();
    this.#answers.add(answered);
    try {
      for (const endsAtMs = performance.now() + timeoutMs; performance.now() < endsAtMs;) {
        await answered.wait(ANSWER_POLL_MS, NEVER);
        const result = await findCommandResult(database, id);
        if (!result?.isDone) continue;
        return result.error === null ? { ok: true } : { ok: false, code: "failed", message: result.error };
      }
    } finally {
      this.#answers.delete(answered);
    }
    return { ok: false, code: "timed_out", message: `Instance ${instanceId} did not answer within ${timeoutMs} ms` };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { notices, instanceId, logger } = this.#options;
    const stopListening = notices.on((topic, subjects) => {
      if (topic !== "commands") return;
      if (subjects.length === 0 || subjects.includes(instanceId)) this.#alarm.ring();
      for (const answered of this.#answers) answered.ring();
    });
    let pruneAtMs = performance.now() + PRUNE_EVERY_MS;
    while (!signal.aborted) {
      try {
        await this.takeAll();
        if (performance.now() >= pruneAtMs) {
          pruneAtMs = performance.now() + PRUNE_EVERY_MS;
          await pruneCommands(this.#options.database, KEEP_MS, PRUNE_LIMIT);
        }
      } catch (error) {
        logger.debug("could not look for commands of other instances; trying again", { error });
      }
      await this.#alarm.wait(POLL_MS, signal);
    }
    stopListening();
  }

  /** Does what waits for us now. Throws what the database throws. */
  async takeAll(): Promise<void> {
    const { database, instanceId, notices } = this.#options;
    const taken = await takeCommands(database, instanceId, MAX_AGE_MS, TAKE_LIMIT);
    for (const command of taken) await finishCommand(database, command.id, await this.#do(command));
    if (taken.length > 0) notices.tell("commands");
  }

  /** What went wrong, in words; null when nothing did. */
  async #do({ id, kind, payload, actor }: TakenCommand): Promise<string | null> {
    const { logger } = this.#options;
    const handler = this.#handlers.get(kind);
    if (handler === undefined) return `This instance's version does not know the command "${kind}"`;
    try {
      await handler(JSON.parse(payload), actor);
      // One profile has tens of parts.
      logger[kind === "profile_part" ? "debug" : "info"]("did what another instance asked for", {
        command: id,
        kind,
        actor,
      });
      return null;
    } catch (error) {
      logger.warn("could not do what another instance asked for", { command: id, kind, actor, error });
      return error instanceof Error ? error.message : String(error);
    }
  }
}
