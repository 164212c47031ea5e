/** esbuild, loaded when there is something to bundle, and kept warm: what is bundled again takes a fraction of the time. */
import type { BuildContext, BuildOptions as EsbuildOptions } from "esbuild";

let contextCount = 0;

export class Bundler {
  #context: BuildContext<{ metafile: true; write: false }> | null = null;
  #key = "";

  /** Throws with esbuild's messages, places included, when a module does not bundle. */
  async bundle(options: EsbuildOptions) {
    const key = JSON.stringify(options);
    if (key !== this.#key) await this.#dropContext();
    if (this.#context === null) {
      const esbuild = await import("esbuild");
      const given = { bundle: true, format: "esm", jsx: "automatic", jsxImportSource: "preact" } as const;
      this.#context = await esbuild.context({ ...given, ...options, metafile: true, write: false, logLevel: "silent" });
      this.#key = key;
      contextCount++;
    }
    return await this.#context.rebuild();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dropContext();
  }

  async #dropContext(): Promise<void> {
    if (this.#context === null) return;
    const context = this.#context;
    this.#context = null;
    await context.dispose();
    // The service is a child process, which would keep this one alive.
    if (--contextCount === 0) await (await import("esbuild")).stop();
  }
}
