/**
 * Acts on rules: places an agent when a room starts or a participant joins.
 *
 *   LiveKit's webhook ──┐                                   ┌─ nobody there ─────────▶ dispatch + match, one statement
 *                       ├─▶ rules that fit, oldest first ──▶├─ a dispatch is there ──▶ match alone
 *   polling (leader) ───┘                                   └─ not to be told yet ───▶ nothing: the next poll looks again
 *
 * Guarantee: a rule acts once per (room's life, participant), however often and from however many instances it is told of
 * it; the row of rule_matches decides, written by the same statement as the dispatch. A room agent is not placed beside
 * one of its name that is there already, by whoever's wish. Webhooks are quick and may be lost (LiveKit down, we down, no
 * webhook configured); the poll sees the same happenings later, so that a failure here costs time, never the agent. Only
 * what began after the rule was changed last is looked at by the poll.
 */
import type { Database } from "../../../db/client.ts";
import type { RuleMatch } from "../../../db/dispatches.ts";
import { insertRuleMatch, isRuleDone, listPresentAgents, pruneRuleMatches, type RuleRow } from "../../../db/rules.ts";
import type { Logger } from "../../lifecycle/logger.ts";
import { runEvery } from "../../lifecycle/run_every.ts";
import type { Service } from "../../lifecycle/service.ts";
import { happeningOfParticipant, happeningOfRoom, type RoomHappening } from "../../livekit/room_happening.ts";
import type { ServerApi } from "../../livekit/server_api.ts";
import type { AgentCatalog } from "../../runtime/agent_catalog.ts";
import type { DispatchRequest } from "../dispatch_request.ts";
import type { Dispatcher } from "../dispatcher.ts";
import { findKnownAgent } from "../known_agent.ts";
import { matchesGlob, matchesRule, type RuleSubject } from "./match_rule.ts";
import { decidePresence } from "./present_agent.ts";
import type { RuleBook } from "./rule_book.ts";
import { conditionOf } from "./rule_schema.ts";

export interface RuleRunnerOptions {
  book: Pick<RuleBook, "enabled">;
  dispatcher: Pick<Dispatcher, "request">;
  database: Database;
  catalog: AgentCatalog;
  api: Pick<ServerApi, "listRooms" | "listParticipants" | "findParticipant">;
  /** Name of the LiveKit server in rows. */
  server: string;
  /** One instance polls for all. */
  leader: { readonly isLeader: boolean };
  pollMs: number;
  logger: Logger;
}

/** What became of a rule that fits: done: it had acted before; later: the next poll tries again. */
export type RuleOutcome = "placed" | "there" | "done" | "later";

/** Webhooks in hand; beyond, the poll finds what they told. */
const MAX_IN_HAND = 1_000;
/** Matches known to be written, so that a poll need not ask for them. */
const MAX_DONE = 20_000;
/** Rooms whose participants one poll asks for, newest first. */
const MAX_ROOMS_ASKED = 200;
const KEEP_MATCHES_MS = 86_400_000;
const PRUNE_EVERY_MS = 600_000;
const PRUNE_ROWS = 5_000;
const NO_WAIT = { wait: "none", waitMs: 1, onWaitTimeout: "continue" } as const;

export class RuleRunner implements Service {
  readonly name = "rules";
  readonly #options: RuleRunnerOptions;
  /** By room: what happens in one room is acted on in order. */
  readonly #chains = new Map<string, Promise<unknown>>();
  readonly #done = new Set<string>();
  /** By rule: why it could not act last, so that a poll does not say the same again and again. */
  readonly #refusals = new Map<string, string>();
  #inHand = 0;
  #prunedAtMs = -Infinity;

  constructor(options: RuleRunnerOptions) {
    this.#options = options;
  }

  /** Of a webhook. Never throws; what can't be done now is left to the poll. */
  tell(happening: RoomHappening): void {
    const { logger } = this.#options;
    if (this.#inHand >= MAX_IN_HAND) return logger.warn("too many webhooks at once; rules wait for the next poll");
    this.#inHand += 1;
    this.act(happening)
      .catch((error) => logger.warn("rules could not act; trying again", { room: happening.room.name, error }))
      .finally(() => this.#inHand -= 1);
  }

  /** Acts on every rule that fits. Throws when the database can't be asked. */
  async act(happening: RoomHappening): Promise<RuleOutcome[]> {
    const rules = (await this.#options.book.enabled()).filter((rule) => fits(rule, happening));
    return rules.length === 0 ? [] : await this.#actInOrder(rules, happening);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pollMs: everyMs, leader, logger } = this.#options;
    const task = async () => leader.isLeader ? await this.pollOnce() : undefined;
    const onError = (error: unknown) => logger.warn("rooms could not be polled for rules", { error });
    await runEvery({ everyMs, signal, task, onError });
  }

  /** Looks at the live rooms; returns how many dispatches it made. Throws when LiveKit or the database can't be asked. */
  async pollOnce(): Promise<number> {
    const rules = await this.#options.book.enabled();
    if (rules.length === 0) return 0;
    const rooms = (await this.#options.api.listRooms()).toSorted((a, b) => Number(b.creationTimeMs - a.creationTimeMs));
    const outcomes: RuleOutcome[] = [];
    const look = async (happening: RoomHappening) => {
      const due = rules.filter((rule) =>
        fits(rule, happening) && isSince(rule, happening) && !this.#isDone(rule, happening)
      );
      if (due.length > 0) outcomes.push(...await this.#actInOrder(due, happening));
    };
    for (const room of rooms) await look(happeningOfRoom(room));
    const watched = rules.filter(({ event }) => event === "participant_joined");
    const asked = rooms.filter(({ name, numParticipants }) =>
      numParticipants > 0 && watched.some(({ roomPattern }) => matchesGlob(roomPattern, name))
    );
    for (const room of asked.slice(0, MAX_ROOMS_ASKED)) {
      const participants = await this.#options.api.listParticipants(room.name);
      for (const participant of participants) await look(happeningOfParticipant(room, participant));
    }
    await this.#prune(rooms.map(({ sid }) => sid));
    return outcomes.filter((outcome) => outcome === "placed").length;
  }

  async #actInOrder(rules: readonly RuleRow[], happening: RoomHappening): Promise<RuleOutcome[]> {
    const { name } = happening.room;
    const acted = (this.#chains.get(name) ?? Promise.resolve()).then(async () => {
      const outcomes: RuleOutcome[] = [];
      for (const rule of rules) outcomes.push(await this.#actOn(rule, happening));
      return outcomes;
    });
    const settled = acted.catch(() => {}); // the caller has the error; the next happening does not depend on it
    this.#chains.set(name, settled);
    try {
      return await acted;
    } finally {
      if (this.#chains.get(name) === settled) this.#chains.delete(name);
    }
  }

  async #actOn(rule: RuleRow, happening: RoomHappening): Promise<RuleOutcome> {
    const { logger } = this.#options;
    const outcome = await this.#place(rule, happening);
    if (outcome !== "later") this.#noteDone(keyOf(rule, happening));
    if (outcome === "placed") logger.info("a rule asked for an agent", factsOf(rule, happening));
    return outcome;
  }

  async #place(rule: RuleRow, happening: RoomHappening): Promise<RuleOutcome> {
    const { database, dispatcher } = this.#options;
    const match = matchOf(rule, happening);
    const agent = await findKnownAgent(this.#options, rule.agent);
    const isRoomAgent = !agent.known || agent.jobType === "room";
    if (isRoomAgent) {
      const present = await this.#lookAround(rule, happening);
      if (present === "unclear") return await isRuleDone(database, match) ? "done" : "later";
      if (present !== null) return await insertRuleMatch(database, match, present) ? "there" : "done";
    }
    const requester = { actor: `rule:${rule.name}`, origin: "rule", traceparent: null, ruleMatch: match } as const;
    const result = await dispatcher.request(requestOf(rule, happening, isRoomAgent), requester, NO_WAIT);
    if (result.ok) {
      this.#refusals.delete(rule.id);
      return "placed";
    }
    const { refusal } = result;
    if (refusal.code === "rule_done") return "done";
    // Another one was quicker by so little that it could not be seen above.
    if (refusal.code === "agent_in_room") {
      return await insertRuleMatch(database, match, refusal.dispatchId) ? "there" : "done";
    }
    this.#tellRefusal(rule, happening, refusal.code);
    return "later";
  }

  /** The dispatch whose agent is in this life of the room, or on its way there; null: none; unclear: to be looked at later. */
  async #lookAround(rule: RuleRow, { room }: RoomHappening): Promise<string | null | "unclear"> {
    const { database, server, api } = this.#options;
    const present = await listPresentAgents(database, { server, room: room.name, agent: rule.agent });
    const verdict = decidePresence(present, room.openedAt);
    if (verdict.kind === "place") return null;
    if (verdict.kind === "there") return verdict.dispatchId;
    return await api.findParticipant(room.name, verdict.identity) ? verdict.dispatchId : "unclear";
  }

  #tellRefusal(rule: RuleRow, happening: RoomHappening, code: string): void {
    if (this.#refusals.get(rule.id) === code) return;
    this.#refusals.set(rule.id, code);
    const facts = { ...factsOf(rule, happening), code };
    this.#options.logger.warn("a rule's agent could not be asked for; trying again while the room is there", facts);
  }

  #isDone(rule: RuleRow, happening: RoomHappening): boolean {
    return this.#done.has(keyOf(rule, happening));
  }

  #noteDone(key: string): void {
    this.#done.add(key);
    if (this.#done.size <= MAX_DONE) return;
    const [oldest] = this.#done;
    if (oldest !== undefined) this.#done.delete(oldest);
  }

  /** A room that is still there keeps its matches, however old. */
  async #prune(liveRoomSids: readonly string[]): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#prunedAtMs < PRUNE_EVERY_MS) return;
    this.#prunedAtMs = nowMs;
    await pruneRuleMatches(this.#options.database, { keepMs: KEEP_MATCHES_MS, liveRoomSids, limit: PRUNE_ROWS });
  }
}

function fits(rule: RuleRow, { room, participant }: RoomHappening): boolean {
  const subject: RuleSubject = participant === null
    ? { event: "room_started", room: room.name }
    : { event: "participant_joined", room: room.name, kind: participant.kind, attributes: participant.attributes };
  return matchesRule(conditionOf(rule), subject);
}

function isSince({ updatedAt }: RuleRow, { room, participant }: RoomHappening): boolean {
  return (participant?.joinedAt ?? room.openedAt) >= updatedAt;
}

function matchOf({ id }: RuleRow, { room, participant }: RoomHappening): RuleMatch {
  return { ruleId: id, roomSid: room.sid, participantSid: participant?.sid ?? "" };
}

function keyOf(rule: RuleRow, happening: RoomHappening): string {
  const { ruleId, roomSid, participantSid } = matchOf(rule, happening);
  return `${ruleId} ${roomSid} ${participantSid}`;
}

function factsOf({ name, agent }: RuleRow, { room, participant }: RoomHappening) {
  return { rule: name, agent, room: room.name, participant: participant?.identity ?? null };
}

function requestOf(rule: RuleRow, { room, participant }: RoomHappening, isRoomAgent: boolean): DispatchRequest {
  const metadata = rule.metadata as DispatchRequest["metadata"] | null;
  return {
    ...{ agent: rule.agent, room: room.name, placement: "direct" },
    ...(metadata === null ? {} : { metadata }),
    ...(rule.priority === null ? {} : { priority: rule.priority }),
    ...(isRoomAgent || participant === null ? {} : { participantIdentity: participant.identity }),
  };
}
