/** Tries what an agent must not do, and logs each thing that it could do all the same. Metadata: where to try. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "nosy",
  osPermissions: { env: ["LIVEKIT_API_SECRET", "GREETING"] },
  entry: async (ctx) => {
    const { secretFile, newFile, elsewhere } = ctx.metadata as Record<"secretFile" | "newFile" | "elsewhere", string>;
    const attempts: Record<string, () => unknown> = {
      "read a secret": () => Deno.readTextFileSync(secretFile),
      "read elsewhere": () => Deno.readTextFileSync(elsewhere),
      "write": () => Deno.writeTextFileSync(newFile, "x"),
      "run": () => new Deno.Command("true").outputSync(),
      "reach its parent once more": () => Deno.connect({ transport: "unix", path: Deno.args[1] ?? "" }),
      "remove its parent's socket": () => Deno.removeSync(Deno.args[1] ?? ""),
      "ask for more": async () => {
        const more = [{ name: "run" }, { name: "write", path: Deno.args[1] }] as Deno.PermissionDescriptor[];
        const states = await Promise.all(more.map(async (each) => (await Deno.permissions.request(each)).state));
        if (!states.includes("granted")) throw new Error("refused");
      },
      "download": () => import(["npm:left", "pad@1.3.0"].join("-")),
    };
    const done: string[] = [];
    for (const [name, attempt] of Object.entries(attempts)) {
      await Promise.try(attempt).then(() => done.push(name), () => {/* refused, as it must be */});
    }
    ctx.log.info("tried", { done, env: Deno.env.toObject() });
  },
});
