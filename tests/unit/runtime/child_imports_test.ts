import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("../../../core/runtime/child", import.meta.url));

/** What a statement loads when it runs; `import type` loads nothing. */
const LOADING = /^(?:import|export)\s(?!type\b)[^;"'`]*?from\s*"([^"]+)"|^import\s*"([^"]+)"|\bimport\("([^"]+)"\)/gm;

/** Package or node: specifier → the file of ours that loads it, for all that is reached from `entry`. */
async function packagesLoadedBy(entry: string): Promise<Map<string, string>> {
  const packages = new Map<string, string>();
  const files = new Set([join(CHILD, entry)]);
  for (const file of files) {
    for (const [, from, bare, later] of (await Deno.readTextFile(file)).matchAll(LOADING)) {
      const specifier = from ?? bare ?? later ?? "";
      if (specifier.startsWith(".")) files.add(join(dirname(file), specifier));
      else packages.set(specifier, relative(CHILD, file));
    }
  }
  assert.ok(files.size > 20, "the files were not found");
  return packages;
}

Deno.test("a slot's child loads no package but rtc-node, since each one costs megabytes in every slot", async () => {
  const packages = await packagesLoadedBy("slot_child.ts");
  const others = [...packages].filter(([name]) => !name.startsWith("node:") && name !== "@livekit/rtc-node");
  assert.deepEqual(others, []);
  assert.ok(packages.has("@livekit/rtc-node"));
});
