/** esbuild, loaded when there is something to bundle, and kept warm: what is bundled again takes a fraction of the time. */
import type { BuildContext, BuildOptions } from "esbuild";

type Given = { metafile: true; write: false };
const contexts = new Map<string, BuildContext<Given>>();

/** Throws with esbuild's messages, places included, when a module does not bundle. */
export async function bundle(options: BuildOptions) {
  const { context } = await import("esbuild");
  const given = {
    bundle: true,
    format: "esm",
    jsx: "automatic",
    jsxImportSource: "preact",
    logLevel: "silent",
  } as const;
  const key = JSON.stringify(options);
  const warm = contexts.get(key) ?? await context({ ...given, ...options, metafile: true, write: false });
  contexts.set(key, warm);
  return await warm.rebuild();
}

export type Bundled = Awaited<ReturnType<typeof bundle>>;

/** Ends esbuild's child process, which would keep the program alive. */
export async function stopBundler(): Promise<void> {
  await Promise.all([...contexts.values()].map((context) => context.dispose()));
  contexts.clear();
  await (await import("esbuild")).stop();
}
