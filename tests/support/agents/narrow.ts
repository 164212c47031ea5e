/** Tries what its osPermissions let it do and what not, and logs each thing that it could do. Metadata: where to try. */
import { defineAgent } from "greenroom";

export default defineAgent({
  name: "narrow",
  osPermissions: { net: ["127.0.0.1"], read: ["/etc/hostname"] },
  entry: async (ctx) => {
    const { port } = ctx.metadata as { port: number };
    const attempts: Record<string, () => unknown> = {
      "reach a listed host": () => Deno.connect({ hostname: "127.0.0.1", port }),
      "reach another host": () => Deno.connect({ hostname: "192.0.2.1", port }),
      "resolve a name": () => Deno.resolveDns("example.com", "A"),
      "read a listed file": () => Deno.readTextFileSync("/etc/hostname"),
      "read another file": () => Deno.readTextFileSync("/etc/hosts"),
    };
    const done: string[] = [];
    const refusals: Record<string, string> = {};
    for (const [name, attempt] of Object.entries(attempts)) {
      await Promise.try(attempt).then(() => done.push(name), (error) => refusals[name] = error.name);
    }
    ctx.log.info("tried", { done, refusals });
  },
});
