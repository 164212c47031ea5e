/** A rule as REST takes and shows it. */
import { z } from "zod";
import type { RuleFields, RuleRow } from "../../../db/rules.ts";
import { PRIORITIES } from "../../../db/schema/states.ts";
import { agentNameSchema, isPlainText, MAX_ROOM_NAME_CHARS, metadataSchema } from "../dispatch_request.ts";
import { RULE_EVENTS, RULE_PARTICIPANT_KINDS, type RuleCondition } from "./match_rule.ts";

export const MAX_RULES = 500;
const MAX_ATTRIBUTES = 32;
const MAX_ATTRIBUTE_NAME_CHARS = 128;
const MAX_ATTRIBUTE_CHARS = 1_024;
const NOT_PLAIN = "must not contain control characters";

const plain = (maxChars: number) => z.string().max(maxChars).refine(isPlainText, NOT_PLAIN);

const fields = {
  name: plain(64).min(1, "must be given").refine(
    (name) => name.trim() === name,
    "must not begin or end with white space",
  )
    .meta({ description: "Unique; stands in the history of the dispatches.", example: "support-calls" }),
  isEnabled: z.boolean().meta({ description: "A disabled rule does nothing." }),
  agent: agentNameSchema,
  event: z.enum(RULE_EVENTS).meta({ description: "room_started: one agent per room. participant_joined: see README." }),
  roomPattern: plain(MAX_ROOM_NAME_CHARS).min(1, "must be given; * fits every room")
    .meta({ description: 'Names of rooms: "*" any run of characters, "?" one.', example: "support-*" }),
  participantKind: z.enum(RULE_PARTICIPANT_KINDS).nullable()
    .meta({ description: "Of participant_joined: only these; null: any that is no agent or recorder." }),
  participantAttributes: z.record(plain(MAX_ATTRIBUTE_NAME_CHARS).min(1), plain(MAX_ATTRIBUTE_CHARS))
    .refine((attributes) => Object.keys(attributes).length <= MAX_ATTRIBUTES, `at most ${MAX_ATTRIBUTES} attributes`)
    .nullable()
    .meta({ description: "Of participant_joined: attributes that the participant must have when it joins." }),
  metadata: metadataSchema.nullable(),
  priority: z.enum(PRIORITIES).nullable(),
};

export const ruleRequestSchema = z.strictObject({
  ...fields,
  isEnabled: fields.isEnabled.default(true),
  participantKind: fields.participantKind.default(null),
  participantAttributes: fields.participantAttributes.default(null),
  metadata: fields.metadata.default(null),
  priority: fields.priority.default(null),
}).meta({ id: "RuleRequest" });

/** What is given is changed. */
export const ruleChangeSchema = z.strictObject(fields).partial().meta({ id: "RuleChange" });

export type RuleChange = {
  [K in keyof z.infer<typeof ruleChangeSchema>]?: z.infer<typeof ruleChangeSchema>[K] | undefined;
};

export const ruleViewSchema = z.object({
  id: z.uuid(),
  ...fields,
  metadata: z.unknown(),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime().meta({ description: "Rooms and participants that were there before are left alone." }),
}).meta({ id: "Rule" });
export type RuleView = z.infer<typeof ruleViewSchema>;

export function ruleView(row: RuleRow): RuleView {
  const { id, name, isEnabled, agent, metadata, priority, createdBy, createdAt, updatedAt } = row;
  return {
    ...{ id, name, isEnabled, agent, metadata, priority, createdBy },
    ...conditionOf(row),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

/** The columns are texts and JSON; what is in them went through the schema above. */
export function conditionOf(
  row: Pick<RuleFields, "event" | "roomPattern" | "participantKind" | "participantAttributes">,
): {
  [K in keyof RuleCondition]: K extends "participantAttributes" ? Record<string, string> | null : RuleCondition[K];
} {
  return {
    event: row.event as RuleCondition["event"],
    roomPattern: row.roomPattern,
    participantKind: row.participantKind as RuleCondition["participantKind"],
    participantAttributes: row.participantAttributes as Record<string, string> | null,
  };
}
