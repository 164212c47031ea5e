/** The barest parent of a slot's or host's child: spawns it, keeps its messages, waits for one by its type. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ChildMessage, ParentMessage } from "../../../core/runtime/messages.ts";
import { eventually } from "../../support/eventually.ts";

export type MessageOf<Type extends ChildMessage["type"]> = Extract<ChildMessage, { type: Type }>;

export class ChildParent implements AsyncDisposable {
  readonly messages: ChildMessage[] = [];
  readonly process: ChildProcess;
  /** Settles when the process is gone. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>;

  constructor(entry: "slot_child.ts" | "host_child.ts", args: unknown) {
    const file = fileURLToPath(new URL(`../../../core/runtime/child/${entry}`, import.meta.url));
    const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
    this.process = spawn(
      Deno.execPath(),
      ["run", "-A", "--no-check", "--cached-only", "--config", config, file, JSON.stringify(args)],
      { stdio: ["ignore", "ignore", "inherit", "ipc"] },
    );
    this.process.on("error", () => {/* it died inside a message; `exited` says how */});
    this.process.on("message", (message) => void this.messages.push(message as ChildMessage));
    this.exited = new Promise((resolve) => this.process.on("exit", (code, signal) => resolve({ code, signal })));
  }

  send(message: ParentMessage): void {
    this.process.send(message);
  }

  /** Waits for the first message of this type; fails at once when the child is gone without it. */
  async received<Type extends ChildMessage["type"]>(type: Type): Promise<MessageOf<Type>> {
    const find = () => this.messages.find((message): message is MessageOf<Type> => message.type === type);
    return await eventually(find, { withinMs: 20_000, everyMs: 5, what: `message "${type}"` });
  }

  types(): string[] {
    return this.messages.map(({ type }) => type).filter((type) => type !== "log");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.exited;
  }
}
