/**
 * Entry point of an agent's host: loads the agent file, says what it defines (or why it can't be loaded), checks metadata
 * by the agent's schema and answers its hooks, because the control plane never runs user code. It ends with its parent.
 */
import { describeAgent } from "../../agent/descriptor.ts";
import { readHostArguments } from "./child_arguments.ts";
import { openChildChannel } from "./child_channel.ts";
import { errorText } from "./error_text.ts";
import { loadAgent } from "./load_agent.ts";
import { runHook } from "./run_hook.ts";
import { validateMetadata } from "./validate_metadata.ts";

const channel = await openChildChannel(Deno.args.slice(1));
const loading = Promise.try(async () => await loadAgent(readHostArguments(Deno.args[0]).agentFile));
loading.catch(() => {/* reported below */});

channel.listen(async (message) => {
  if (message.type === "ping") channel.send({ type: "pong", sequence: message.sequence });
  if (message.type === "hook") channel.send(await runHook(await loading, message));
  if (message.type !== "validate") return;
  const { requestId, metadata } = message;
  channel.send({ type: "validated", requestId, result: await validateMetadata(await loading, metadata) });
});
channel.closed.then(() => Deno.exit(0));
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  void breakDown(event.reason);
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  void breakDown(event.error);
});
// A terminal's Ctrl-C reaches the whole process group; the host ends with its parent.
Deno.addSignalListener("SIGINT", () => {});

try {
  channel.send({ type: "descriptor", descriptor: describeAgent(await loading) });
} catch (error) {
  await breakDown(error);
}

async function breakDown(error: unknown): Promise<void> {
  await channel.sendLast({ type: "broken", error: errorText(error) });
  Deno.exit(1);
}
