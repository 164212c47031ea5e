/**
 * The JavaScript heap of a Deno process after a forced collection, by V8's inspector protocol. The process is started with
 * `inspectorEnv(port)` in its environment, so the program itself needs no way to be asked; its children, whose environment
 * is cleared, don't see it.
 */
import { eventually } from "../../tests/support/eventually.ts";

const ANSWER_LIMIT_MS = 30_000;

export function inspectorEnv(port: number): Record<string, string> {
  return { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` };
}

export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const answer = JSON.parse(data);
      this.#waiting.get(answer.id)?.(answer);
    };
  }

  static async connect(port: number): Promise<Inspector> {
    const [target] = await eventually(async () => await (await fetch(`http://127.0.0.1:${port}/json`)).json(), {
      what: "the inspector",
    });
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("The inspector refused the connection"));
    });
    return new Inspector(socket);
  }

  /** Bytes in use after two full collections: the first one's finalizers let go of more. */
  async heapAfterCollection(): Promise<number> {
    // The inspector itself keeps the latest 1,000 lines that were logged.
    await this.#ask("Runtime.discardConsoleEntries");
    await this.#ask("HeapProfiler.collectGarbage");
    await this.#ask("HeapProfiler.collectGarbage");
    const { usedSize } = await this.#ask("Runtime.getHeapUsage") as { usedSize: number };
    return usedSize;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  async #ask(method: string): Promise<unknown> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<{ result?: unknown; error?: { message: string } }>();
    const timer = setTimeout(() => reject(new Error(`${method} was not answered`)), ANSWER_LIMIT_MS);
    this.#waiting.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method }));
    try {
      const { result, error } = await promise;
      if (error) throw new Error(`${method}: ${error.message}`);
      return result;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }
}

/** Least-squares slope of y over x. */
export function slopeOf(points: readonly { x: number; y: number }[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(points.map(({ x }) => x)), mean(points.map(({ y }) => y))];
  const spread = points.reduce((sum, { x }) => sum + (x - mx) ** 2, 0);
  return points.reduce((sum, { x, y }) => sum + (x - mx) * (y - my), 0) / spread;
}
