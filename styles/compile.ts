/**
 * Compiles the styles once. Run by `core/services/styles.ts` as a child process, so that Tailwind's memory goes when the
 * work is done: `deno run -A styles/compile.ts <output> <first line>`.
 */
import { StyleCompiler } from "./style_compiler.ts";

const [output, stamp] = Deno.args;
if (output === undefined || stamp === undefined) throw new Error("Cannot compile: give the output file and its stamp");
await new StyleCompiler().write(output, stamp);
