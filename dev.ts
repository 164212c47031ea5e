/**
 * Development: `deno task dev` shows every change of a route, island, component or style in the browser at once. Fresh's
 * Builder serves the pages; the control plane behind them is started here, because main.ts starts it only when it is the
 * main module, and starts again (`--watch`) when its own code changes. `deno run -A dev.ts build` only builds.
 */
import { Builder } from "fresh/dev";
import { updateStyles } from "./core/services/styles.ts";

await updateStyles(import.meta.dirname!);
const builder = new Builder();
if (Deno.args.includes("build")) {
  await builder.build();
} else {
  const args = ["run", "-A", "styles/watch.ts"];
  const styles = new Deno.Command(Deno.execPath(), { args, cwd: import.meta.dirname!, stdin: "piped" }).spawn();
  const { run } = await import("./main.ts");
  await run(async ({ hostname, port }) => void await builder.listen(() => import("./main.ts"), { hostname, port }));
  await styles.stdin.close();
}
