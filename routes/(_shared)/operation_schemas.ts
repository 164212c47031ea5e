/** Answers of the routes that operators look after a running system with, for openapi.json. */
import { z } from "zod";

const at = z.iso.datetime();

export const roomView = z.object({
  name: z.string(),
  openedAt: at,
  state: z.enum(["unknown", "empty", "unattended", "starting", "silent", "partly_served", "served"]),
  silentSince: at.nullable(),
  participantCount: z.int(),
  participants: z.array(
    z.object({ identity: z.string(), name: z.string(), kind: z.string(), isHidden: z.boolean(), joinedAt: at }),
  ).nullable().meta({ description: "At most 100 of them; null: could not be read." }),
  people: z.int().nullable(),
  expected: z.array(z.object({
    dispatchId: z.uuid(),
    agent: z.string(),
    presence: z.enum(["present", "starting", "waiting", "lost"]),
    reason: z.string().nullable(),
    missingSince: at.nullable(),
  })),
}).meta({ id: "Room" });

export const checkReport = z.object({
  startedAt: at,
  tookMs: z.int(),
  results: z.array(z.object({
    name: z.string(),
    status: z.enum(["ok", "warn", "failed", "skipped"]),
    message: z.string(),
    remedy: z.string().optional(),
  })),
}).meta({ id: "CheckReport" });

export const settingsReport = z.object({
  version: z.string(),
  instanceId: z.uuid(),
  settings: z.array(z.object({
    name: z.string(),
    env: z.string(),
    value: z.string().nullable().meta({ description: "Null: none, or a secret." }),
    source: z.enum(["environment", "default", "made"]),
    isSecret: z.boolean(),
    isSet: z.boolean(),
    note: z.string().nullable(),
    unit: z.string(),
    meaning: z.string(),
  })),
  storage: z.object({
    at,
    databaseBytes: z.number(),
    kinds: z.array(z.object({ kind: z.string(), bytes: z.number(), estimatedRows: z.number().nullable() })),
    dataDir: z.object({ path: z.string(), bytes: z.number(), isAtLeast: z.boolean(), freeBytes: z.number() }),
  }),
}).meta({ id: "SettingsReport" });
