import { boolean, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { at, json } from "./columns.ts";
import { dispatchPriority } from "./states.ts";

/** "Agent X for rooms named like Y": what is placed when a room starts or a participant joins. */
export const rules = pgTable("rules", {
  id: uuid().primaryKey(),
  name: text().notNull().unique(),
  isEnabled: boolean("is_enabled").notNull().default(true),
  agent: text().notNull(),
  /** Glob over room names: "*" any run of characters, "?" one. */
  roomPattern: text("room_pattern").notNull(),
  /** "room_started" or "participant_joined". */
  event: text().notNull(),
  /** For participant_joined: only this kind ("standard", "sip", …); null for any but agents. */
  participantKind: text("participant_kind"),
  /** For participant_joined: attributes that must be there with these values. */
  participantAttributes: json("participant_attributes"),
  metadata: json(),
  priority: dispatchPriority(),
  createdBy: text("created_by").notNull(),
  createdAt: at("created_at").notNull(),
  updatedAt: at("updated_at").notNull(),
});
