/**
 * Compiles styles/theme.css with the classes that pages use into static/app.css. Run by `core/services/styles.ts` as a child
 * process, so that Tailwind's memory goes when the work is done: `deno run -A styles/compile.ts <output> <first line>`.
 */
import { fileURLToPath } from "node:url";
import { compile, optimize } from "@tailwindcss/node";
import { Scanner } from "@tailwindcss/oxide";

const [output, stamp] = Deno.args;
if (output === undefined || stamp === undefined) throw new Error("Cannot compile: give the output file and its stamp");

const theme = new URL("./theme.css", import.meta.url);
const compiler = await compile(await Deno.readTextFile(theme), {
  base: fileURLToPath(new URL(".", import.meta.url)),
  from: fileURLToPath(theme),
  onDependency: () => {},
});
const scanner = new Scanner({ sources: compiler.sources });
const { code } = optimize(compiler.build(scanner.scan()), { minify: true });
// Renamed into place: whoever reads or builds beside us sees the old file or the new one, never half of it.
const unfinished = `${output}.${Deno.pid}`;
await Deno.writeTextFile(unfinished, `/* ${stamp} */\n${code}`);
await Deno.rename(unfinished, output);
