/** Development: `deno task dev` rebuilds on every change of a route, island, component or style and reloads the browser. */
import { Builder } from "fresh/dev";

const builder = new Builder();
if (Deno.args.includes("build")) await builder.build();
else await builder.listen(() => import("./main.ts"), { port: 8000 });
