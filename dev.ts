/**
 * Development: `deno task dev` rebuilds on every change of a route, island, component or style and reloads the browser.
 * Fresh's Builder serves the pages; the control plane behind them is started here, because main.ts starts it only when it
 * is the main module. `deno run -A dev.ts build` only builds.
 */
import { Builder } from "fresh/dev";
import { updateStyles } from "./core/services/styles.ts";

await updateStyles(import.meta.dirname!);
const builder = new Builder();
if (Deno.args.includes("build")) {
  await builder.build();
} else {
  const { run } = await import("./main.ts");
  await run(async ({ hostname, port }) => void await builder.listen(() => import("./main.ts"), { hostname, port }));
}
