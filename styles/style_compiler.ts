/** styles/theme.css and the classes that pages use, compiled by Tailwind. */
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, optimize } from "@tailwindcss/node";
import { Scanner } from "@tailwindcss/oxide";

const THEME = new URL("./theme.css", import.meta.url);

export class StyleCompiler {
  #made: { theme: string; compiler: Awaited<ReturnType<typeof compile>>; scanner: Scanner } | null = null;

  /** Writes `output`, `stamp` in its first line. From the second time on, while the theme is the same, a matter of milliseconds. */
  async write(output: string, stamp: string): Promise<void> {
    const theme = await Deno.readTextFile(THEME);
    if (this.#made?.theme !== theme) {
      const base = fileURLToPath(new URL(".", THEME));
      const compiler = await compile(theme, { base, from: fileURLToPath(THEME), onDependency: () => {} });
      this.#made = { theme, compiler, scanner: new Scanner({ sources: compiler.sources }) };
    }
    const { compiler, scanner } = this.#made;
    const { code } = optimize(compiler.build(scanner.scan()), { minify: true });
    // Renamed into place: whoever reads or builds beside us sees the old file or the new one, never half of it. Nor does it
    // see the unfinished one, which lies outside the folder that is served.
    const unfinished = join(dirname(output), "..", `.${basename(output)}.${Deno.pid}`);
    await Deno.writeTextFile(unfinished, `/* ${stamp} */\n${code}`);
    await Deno.rename(unfinished, output);
  }
}
