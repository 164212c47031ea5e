/** Checks a dispatch's metadata by the agent's own schema; runs in the agent's host. */
import type { AgentDefinition } from "../../agent/define_agent.ts";
import type { ChildMessage } from "../messages.ts";
import { describeError } from "./error_text.ts";

type Result = Extract<ChildMessage, { type: "validated" }>["result"];

const MAX_ERRORS = 100;

/** The parsed metadata as plain JSON, or each problem with the path of its field ("customer.name", "items.0"). */
export async function validateMetadata({ options }: AgentDefinition, metadata: unknown): Promise<Result> {
  if (options.metadata === undefined) return { ok: true, metadata };
  try {
    const parsed = await options.metadata.safeParseAsync(metadata);
    if (parsed.success) return { ok: true, metadata: asPlainJson(parsed.data) };
    const errors = parsed.error.issues.slice(0, MAX_ERRORS)
      .map(({ path, message }) => ({ path: path.map(String).join("."), message }));
    return { ok: false, errors };
  } catch (error) {
    const { name, message } = describeError(error);
    return { ok: false, errors: [{ path: "", message: `The agent's schema failed: ${name}: ${message}` }] };
  }
}

/** Metadata is stored and sent as JSON; a schema whose output is something else fails here, where it is named. */
function asPlainJson(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined ? null : JSON.parse(text);
}
