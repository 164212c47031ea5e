/** The barest parent of a slot's or host's child: spawns it, keeps its messages, waits for one by its type. */
import { fileURLToPath } from "node:url";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { ChildListener } from "../../../core/runtime/child_listener.ts";
import { MessageStream } from "../../../core/runtime/message_stream.ts";
import type { ChildMessage, ParentMessage } from "../../../core/runtime/messages.ts";
import { eventually } from "../../support/eventually.ts";

export type MessageOf<Type extends ChildMessage["type"]> = Extract<ChildMessage, { type: Type }>;

export class ChildParent implements AsyncDisposable {
  readonly messages: ChildMessage[] = [];
  readonly process: Deno.ChildProcess;
  /** Settles when the process is gone and what it said has been read. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  readonly #listener = ChildListener.open({ logger: silentLogger, reaper: null });
  readonly #stream: MessageStream;

  constructor(entry: "slot_child.ts" | "host_child.ts", args: unknown) {
    const file = fileURLToPath(new URL(`../../../core/runtime/child/${entry}`, import.meta.url));
    const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
    const expected = this.#listener.expect();
    const words = [JSON.stringify(args), this.#listener.path, expected.token];
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--cached-only", "--config", config, file, ...words],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.#stream = new MessageStream({ onMessage: (message) => void this.messages.push(message as ChildMessage) });
    void expected.connection.then((connection) => connection && this.#stream.attach(connection));
    this.exited = this.#exit();
    void this.exited.then(() => expected.cancel());
  }

  send(message: ParentMessage): void {
    this.#stream.send(message);
  }

  /** What a parent does that dies. */
  hangUp(): void {
    this.#stream.close();
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
    try {
      this.process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.exited;
    this.#stream.close();
    this.#listener.close();
  }

  async #exit(): Promise<{ code: number | null; signal: string | null }> {
    const { code, signal } = await this.process.status;
    if (!this.#stream.isClosed) await Promise.race([this.#stream.closed, new Promise((end) => setTimeout(end, 250))]);
    return { code: signal === null ? code : null, signal };
  }
}
