/** Starts an agent's child: our entry point in a process of its own, with its permissions and an IPC channel. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Logger } from "../lifecycle/logger.ts";
import type { HostArguments, SlotArguments } from "./child/child_arguments.ts";
import { childEnv, childFlags, type ChildFolders, type OsPermissions, type ReadEnv } from "./child_permissions.ts";
import { AgentChild } from "./child_process.ts";
import type { Reaper } from "./reaper.ts";

/** Everything that children have in common; made once per instance. */
export interface ChildEnvironment {
  folders: ChildFolders;
  readEnv: ReadEnv;
  /** Gets each child's process id, so that none outlives us. */
  reaper: Pick<Reaper, "add" | "remove">;
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

/** Never throws for a process that can't be started: the child is then gone at once and says why. */
export function spawnChild(environment: ChildEnvironment, kind: ChildKind, os: OsPermissions): AgentChild {
  const { folders, readEnv, reaper } = environment;
  const { env, withheld } = childEnv(readEnv, os.env);
  const logger = environment.logger.with({ child: kind.entry, file: kind.args.agentFile });
  if (withheld.length > 0) logger.warn("an agent asks for environment variables it can't have", { withheld });
  const args = [...childFlags(folders, os), ENTRY_POINTS[kind.entry], JSON.stringify(kind.args)];
  const options = { stdio: ["ignore", "pipe", "pipe", "ipc"], env, cwd: folders.projectDir } as const;
  const child = new AgentChild(() => spawn(Deno.execPath(), args, { ...options, stdio: [...options.stdio] }), {
    logger,
  });
  if (child.pid !== null) {
    const pid = child.pid;
    void reaper.add(pid);
    void child.exited.then(() => reaper.remove(pid));
  }
  return child;
}
