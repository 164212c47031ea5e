import { index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { rules } from "./rules.ts";

/** What a rule has acted on, so that it acts once however often and from however many sides it is told. */
export const ruleMatches = pgTable("rule_matches", {
  ruleId: uuid("rule_id").notNull().references(() => rules.id, { onDelete: "cascade" }),
  /** SID of the room, of this one life of it. */
  roomSid: text("room_sid").notNull(),
  /** SID of the participant; empty for room_started. */
  participantSid: text("participant_sid").notNull().default(""),
  dispatchId: uuid("dispatch_id"),
  at: at("at").notNull(),
}, (t) => [
  primaryKey({ columns: [t.ruleId, t.roomSid, t.participantSid] }),
  index("rule_matches_at").on(t.at),
]);
