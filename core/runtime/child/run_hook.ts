/** Calls one of an agent's hooks, in its host. */
import type { AgentDefinition } from "../../agent/define_agent.ts";
import { hookOf } from "../../agent/descriptor.ts";
import type { ChildMessage, ParentMessage } from "../messages.ts";
import { describeError } from "./error_text.ts";

type Question = Extract<ParentMessage, { type: "hook" }>;
type Answer = Extract<ChildMessage, { type: "hooked" }>;

/** Never rejects: what the hook throws is the answer. */
export async function runHook({ options }: AgentDefinition, { requestId, hook, input }: Question): Promise<Answer> {
  const found = hookOf(options, hook);
  const answer = { type: "hooked" as const, requestId };
  if (found === null) return { ...answer, ok: false, error: `The agent has no hook ${hook}` };
  try {
    const value = await found(input as never);
    return { ...answer, ok: true, value: value === undefined ? null : JSON.parse(JSON.stringify(value)) };
  } catch (error) {
    const { name, message } = describeError(error);
    return { ...answer, ok: false, error: `${hook} threw ${name}: ${message}` };
  }
}
