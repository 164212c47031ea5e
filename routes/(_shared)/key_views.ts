/** API keys as REST shows them: never the key, never its digest. */
import { z } from "zod";
import type { ApiKeyRow } from "../../db/api_keys.ts";
import { ROLES } from "../../db/schema/states.ts";

const MAX_LIFETIME_DAYS = 3_650;

export const keyRequestSchema = z.strictObject({
  name: z.string().regex(
    /^[a-z0-9][a-z0-9._-]{0,63}$/i,
    "must be 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit",
  ),
  role: z.enum(ROLES),
  expiresInDays: z.int().min(1).max(MAX_LIFETIME_DAYS).optional(),
}).meta({ id: "KeyRequest" });

export const keyViewSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  role: z.enum(ROLES),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable().meta({ description: "To the minute." }),
  expiresAt: z.iso.datetime().nullable(),
  revokedAt: z.iso.datetime().nullable(),
}).meta({ id: "Key" });

export const newKeyViewSchema = keyViewSchema.extend({
  key: z.string().meta({ description: "The key itself, shown this once." }),
}).meta({ id: "NewKey" });

export function keyView({ id, name, role, createdAt, lastUsedAt, expiresAt, revokedAt }: ApiKeyRow) {
  return {
    id,
    name,
    role,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
  } satisfies z.infer<typeof keyViewSchema>;
}
