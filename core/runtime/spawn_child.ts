/**
 * Starts an agent's child: our entry point in a process of its own, with its permissions and a channel to us.
 *
 * The channel is a socket that the child connects to, not one that it inherits: with more than the three standard streams
 * Deno forks, which holds this process's event loop for 25-40 ms each time; without, it takes 1-5 ms.
 */
import { fileURLToPath } from "node:url";
import type { Logger } from "../lifecycle/logger.ts";
import type { HostArguments, SlotArguments } from "./child/child_arguments.ts";
import { childEnv, childFlags, type ChildFolders, type OsPermissions, type ReadEnv } from "./child_permissions.ts";
import type { ChildListener } from "./child_listener.ts";
import { type AgentChild, ProcessChild } from "./child_process.ts";
import type { Reaper } from "./reaper.ts";

/** Everything that children have in common; made once per instance. */
export interface ChildEnvironment {
  folders: ChildFolders;
  readEnv: ReadEnv;
  /** Gets each child's process id, so that none outlives us. */
  reaper: Pick<Reaper, "add" | "remove">;
  /** Where they connect to. */
  listener: Pick<ChildListener, "path" | "expect">;
  /** rtc-node in one file (rtc_bundle.ts); absent: slots load it module by module. */
  rtcBundle?: string;
  logger: Logger;
}

export type ChildKind =
  | { entry: "slot"; args: SlotArguments }
  | { entry: "host"; args: HostArguments };

/** The project's folder: the one with deno.json. */
export const PROJECT_DIR = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

const ENTRY_POINTS = {
  slot: fileURLToPath(new URL("./child/slot_child.ts", import.meta.url)),
  host: fileURLToPath(new URL("./child/host_child.ts", import.meta.url)),
};

/**
 * Never throws for a process that can't be started: the child is then gone at once and says why.
 * @param heapLimitMb of V8; 0 leaves it to V8.
 */
export function spawnChild(
  environment: ChildEnvironment,
  kind: ChildKind,
  os: OsPermissions,
  { heapLimitMb = 0 }: { heapLimitMb?: number } = {},
): AgentChild {
  const { folders, readEnv, reaper, listener, rtcBundle } = environment;
  const { env, withheld } = childEnv(readEnv, os.env);
  const logger = environment.logger.with({ child: kind.entry, file: kind.args.agentFile });
  if (withheld.length > 0) logger.warn("an agent asks for environment variables it can't have", { withheld });
  const expected = listener.expect();
  const args = kind.entry === "slot" && rtcBundle !== undefined ? { ...kind.args, rtcBundle } : kind.args;
  const flags = childFlags(folders, os, { socketPath: listener.path, heapLimitMb });
  const command = new Deno.Command(Deno.execPath(), {
    args: [...flags, ENTRY_POINTS[kind.entry], JSON.stringify(args), listener.path, expected.token],
    cwd: folders.projectDir,
    clearEnv: true,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const child = new ProcessChild({ start: () => command.spawn(), expected, logger });
  const { pid } = child;
  if (pid !== null) {
    void reaper.add(pid);
    void child.exited.then(() => reaper.remove(pid));
  }
  return child;
}
