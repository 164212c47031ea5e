/** Makes an API key for REST and for the Settings page. */
import type { z } from "zod";
import { MAX_KEYS } from "../../core/auth/api_keys.ts";
import type { ApiKeyRow } from "../../db/api_keys.ts";
import { noteDone } from "./access.ts";
import type { State } from "./define.ts";
import type { keyRequestSchema } from "./key_views.ts";
import { problem } from "./problem.ts";

const DAY_MS = 86_400_000;

export type MakeKeyResult = { ok: true; row: ApiKeyRow; key: string } | { ok: false; response: Response };

export async function makeKey(
  state: State,
  { name, role, expiresInDays }: z.infer<typeof keyRequestSchema>,
): Promise<MakeKeyResult> {
  const expiresAt = expiresInDays === undefined ? null : new Date(Date.now() + expiresInDays * DAY_MS);
  const made = await state.controlPlane.auth.apiKeys.create({ name, role, expiresAt });
  if (!made.ok) return { ok: false, response: made.code === "name_taken" ? nameTaken(name) : tooManyKeys() };
  noteDone(state, name);
  return { ok: true, row: made.row, key: made.key };
}

/** The key that is no longer valid, with its sessions and their open streams ended; null when there is no such key. */
export async function revokeKey(state: State, id: string): Promise<ApiKeyRow | null> {
  const { auth, parts, logger } = state.controlPlane;
  const row = await auth.revokeKey(id);
  // Streams that can't be looked at now are looked at again by the hub's own turn.
  await parts?.hub.endClosed().catch((error) => logger.warn("open streams could not all be checked", { error }));
  return row;
}

function nameTaken(name: string): Response {
  return problem({
    status: 409,
    code: "name_taken",
    title: "The name is taken",
    detail: `There is or was a key named "${name}"; names stand in the history and are not given twice.`,
    remedy: "Choose another name.",
  });
}

function tooManyKeys(): Response {
  return problem({
    status: 409,
    code: "too_many_keys",
    title: "There are too many keys",
    detail: `${MAX_KEYS} keys are valid already.`,
    remedy: "Revoke keys that are no longer used.",
  });
}
