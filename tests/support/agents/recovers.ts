/** Its recovery hooks do what the room's name says, and tell what they were asked to the address in HOOKS_URL. */
import { defineAgent } from "greenroom";

function tell(hook: string, heard: unknown): void {
  fetch(`${Deno.env.get("HOOKS_URL")}/${hook}`, { method: "POST", body: JSON.stringify(heard) })
    .then((answer) => answer.body?.cancel()).catch(() => {}); // the test sees what did not come
}

export default defineAgent({
  name: "recovers",
  osPermissions: { net: true, env: ["HOOKS_URL"] },
  recovery: {
    decide: ({ room }) => room.startsWith("terminates") ? "TERMINATE" : "RETRY",
    onRecoveryAttempt: (failure) => {
      tell("onRecoveryAttempt", failure);
      return !failure.room.startsWith("refuses");
    },
    onRecovered: (result) => tell("onRecovered", result),
    onRecoveryFailed: (result) => tell("onRecoveryFailed", result),
  },
  entry: async (ctx) => {
    await ctx.connect();
    await ctx.ended;
  },
});
