/** What each hook of an agent may answer; checked here, because the host that answers runs user code. */
import { z } from "zod";
import type { HookName, HookResults } from "../agent/hooks.ts";

const text = z.string().max(65_536);

const SCHEMAS: { [Name in HookName]: z.ZodType<HookResults[Name]> } = {
  accept: z.boolean("must be true or false"),
  priority: z.enum(["urgent", "high", "normal", "low"]),
  load: z.number().min(0).max(1),
  decide: z.enum(["RETRY", "BACKOFF", "SKIP", "TERMINATE"]),
  participant: z.object({
    name: text.optional(),
    metadata: text.optional(),
    attributes: z.record(z.string().max(256), text).optional(),
  }) as z.ZodType<HookResults["participant"]>,
  onRecoveryAttempt: z.boolean("must be true or false"),
  onRecovered: z.unknown().transform(() => null),
  onRecoveryFailed: z.unknown().transform(() => null),
};

export type HookAnswer<Name extends HookName> = { ok: true; value: HookResults[Name] } | { ok: false; reason: string };

/** The value if it is one that the hook may give, else why not. */
export function checkHookResult<Name extends HookName>(name: Name, value: unknown): HookAnswer<Name> {
  const parsed = SCHEMAS[name].safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data as HookResults[Name] };
  const { path, message } = parsed.error.issues[0] ?? { path: [], message: "is not valid" };
  return { ok: false, reason: `${name}'s answer ${path.join(".")} is not valid: ${message}`.replace("  ", " ") };
}
