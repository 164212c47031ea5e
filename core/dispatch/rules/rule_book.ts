/**
 * The rules of the fleet: made, changed and deleted here; read by whatever acts on them. They live in the database. What an
 * instance reads may be KEPT_MS old; that a rule is still enabled is checked once more in the statement that acts on it.
 */
import type { Database } from "../../../db/client.ts";
import {
  countRules,
  deleteRule,
  findRule,
  insertRule,
  listRules,
  type RuleFields,
  type RuleRow,
  updateRule,
} from "../../../db/rules.ts";
import { uuidv7 } from "../../lifecycle/uuid.ts";
import type { AgentCatalog } from "../../runtime/agent_catalog.ts";
import { findKnownAgent } from "../known_agent.ts";
import { checkMetadata } from "../metadata_check.ts";
import type { DispatchRefusal } from "../refusal.ts";
import { MAX_RULES, type RuleChange } from "./rule_schema.ts";

const KEPT_MS = 1_000;

export type RuleRefusal =
  | DispatchRefusal
  | { code: "unfit_rule"; errors: { path: string; message: string }[] }
  | { code: "name_taken"; name: string }
  | { code: "too_many_rules"; maxRules: number }
  | { code: "rule_not_found"; ruleId: string };

export type RuleResult = { ok: true; rule: RuleRow } | { ok: false; refusal: RuleRefusal };

export interface RuleBookOptions {
  database: Database;
  catalog: AgentCatalog;
  maxMetadataBytes: number;
  nowMs?: () => number;
}

export class RuleBook {
  readonly #options: RuleBookOptions;
  readonly #nowMs: () => number;
  #kept: { rules: Promise<RuleRow[]>; readAtMs: number } | null = null;

  constructor(options: RuleBookOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** All rules, oldest first, from the database. */
  async list(): Promise<RuleRow[]> {
    return await listRules(this.#options.database, MAX_RULES);
  }

  async find(id: string): Promise<RuleRow | null> {
    return await findRule(this.#options.database, id);
  }

  /** The enabled rules, oldest first, at most KEPT_MS old. Throws when they can't be read. */
  async enabled(): Promise<RuleRow[]> {
    if (this.#kept === null || this.#nowMs() - this.#kept.readAtMs >= KEPT_MS) {
      const kept = { rules: this.list(), readAtMs: this.#nowMs() };
      this.#kept = kept;
      kept.rules.catch(() => this.#kept === kept && this.forget()); // the caller has the error; the next one reads again
    }
    return (await this.#kept.rules).filter(({ isEnabled }) => isEnabled);
  }

  /** The next `enabled` reads again. */
  forget(): void {
    this.#kept = null;
  }

  async create(fields: RuleFields, actor: string): Promise<RuleResult> {
    const { database } = this.#options;
    const checked = await this.#check(fields);
    if (!checked.ok) return checked;
    if (await countRules(database) >= MAX_RULES) return refused({ code: "too_many_rules", maxRules: MAX_RULES });
    const rule = await insertRule(database, { ...fields, id: uuidv7(), createdBy: actor });
    return this.#written(rule, { code: "name_taken", name: fields.name });
  }

  /** What is not given stays. */
  async change(id: string, change: RuleChange): Promise<RuleResult> {
    const rule = await this.find(id);
    if (!rule) return refused({ code: "rule_not_found", ruleId: id });
    const { name, isEnabled, agent, event, roomPattern, participantKind, participantAttributes, metadata, priority } =
      rule;
    const before = { agent, event, roomPattern, participantKind, participantAttributes, metadata, priority };
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const fields: RuleFields = { name, isEnabled, ...before, ...given };
    // A rule whose agent is gone can still be disabled, renamed and deleted.
    const checked = Object.keys(given).some((field) => field in before)
      ? await this.#check(fields)
      : { ok: true as const };
    if (!checked.ok) return checked;
    const written = await updateRule(this.#options.database, id, fields);
    return this.#written(written, { code: "name_taken", name: fields.name });
  }

  async remove(id: string): Promise<RuleResult> {
    return this.#written(await deleteRule(this.#options.database, id), { code: "rule_not_found", ruleId: id });
  }

  #written(rule: RuleRow | null, otherwise: RuleRefusal): RuleResult {
    this.forget();
    return rule ? { ok: true, rule } : refused(otherwise);
  }

  /** What would be refused at each of its dispatches is refused here. */
  async #check(fields: RuleFields): Promise<{ ok: true } | { ok: false; refusal: RuleRefusal }> {
    const agent = await findKnownAgent(this.#options, fields.agent);
    if (!agent.known) return refused({ code: "unknown_agent", agent: fields.agent, nearest: agent.nearest });
    const isAutomatic = agent.entry?.descriptor?.dispatch === "automatic";
    const errors = [...isAutomatic ? [AUTOMATIC] : [], ...misfits(fields, agent.jobType)];
    if (errors.length > 0) return refused({ code: "unfit_rule", errors });
    if (agent.entry?.state !== "ready") return { ok: true };
    const given = fields.metadata ?? undefined;
    const verdict = await checkMetadata(agent.entry, given, this.#options.maxMetadataBytes);
    return verdict.ok ? { ok: true } : verdict;
  }
}

/** LiveKit would give the room a second one. */
const AUTOMATIC = { path: "agent", message: "comes into every room by itself (dispatch: automatic)" };

function misfits(fields: RuleFields, jobType: string): { path: string; message: string }[] {
  if (fields.event === "participant_joined") return [];
  const message = "is for rules on participant_joined only";
  return [
    ...(fields.participantKind === null ? [] : [{ path: "participantKind", message }]),
    ...(fields.participantAttributes === null ? [] : [{ path: "participantAttributes", message }]),
    ...(jobType === "room"
      ? []
      : [{ path: "event", message: `must be participant_joined: the agent handles ${jobType} jobs` }]),
  ];
}

function refused(refusal: RuleRefusal): { ok: false; refusal: RuleRefusal } {
  return { ok: false, refusal };
}
