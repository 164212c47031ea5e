/**
 * Ends children that outlive this process. A child leaves by itself when its parent is gone, but one whose event loop is
 * stuck can't see that; so a small `sh` beside us knows the live process ids and waits for us to vanish.
 *
 *   "+pid" / "-pid" lines on its stdin → end of file (we closed it, or we died, even by kill -9)
 *     → with some left: 0.5 s, then kill -9 what is left → exit
 *   "/path": the folder of the children's socket, removed then
 *
 * Guarantees: it ends with its stdin and is never left behind; Ctrl-C and SIGTERM of a terminal or process group do not
 * end it before us (own session, signals ignored); if somebody kills it, a new one is started with all live ids.
 * It relies on process ids not being used again within that half second.
 */
import type { Logger } from "../lifecycle/logger.ts";

/** Of the children's socket in its folder. */
export const SOCKET_NAME = "child.sock";
const GRACE_SECONDS = 0.5;
const RESTART_WAIT_MS = 1_000;

const SCRIPT = `trap '' INT TERM HUP QUIT
live=' '
folder=
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) live="$live$pid " ;;
    /*) folder=$line ;;
    -*) case $live in *" $pid "*) live="\${live%% $pid *} \${live#* $pid }" ;; esac ;;
  esac
done
[ "$live" = ' ' ] || sleep ${GRACE_SECONDS}
for pid in $live; do kill -9 "$pid" 2>/dev/null; done
if [ -n "$folder" ]; then rm -f "$folder/${SOCKET_NAME}"; rmdir "$folder"; fi 2>/dev/null`;

export class Reaper {
  readonly #logger: Logger;
  readonly #live = new Set<number>();
  #process: Deno.ChildProcess | null = null;
  #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | null = null;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  #folder: string | null = null;
  #isStopped = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Process id of the `sh`; null while none runs. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Throws when `sh` can't be started. */
  start(): void {
    const process = new Deno.Command("sh", {
      args: ["-c", SCRIPT],
      cwd: "/",
      clearEnv: true,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
    process.unref();
    this.#process = process;
    this.#input = process.stdin.getWriter();
    if (this.#folder !== null) void this.#write(this.#folder);
    for (const pid of this.#live) void this.#write(`+${pid}`);
    void process.status.then(() => this.#ended());
  }

  /** Names the folder that holds nothing but the children's socket. Never rejects. */
  async removeAtEnd(folder: string): Promise<void> {
    this.#folder = folder;
    await this.#write(folder);
  }

  /** Resolves when the `sh` has been told. Never rejects. */
  async add(pid: number): Promise<void> {
    this.#live.add(pid);
    await this.#write(`+${pid}`);
  }

  /** Resolves when the `sh` has been told. Never rejects. */
  async remove(pid: number): Promise<void> {
    if (this.#live.delete(pid)) await this.#write(`-${pid}`);
  }

  /** Lets the `sh` go; it ends, half a second later when some are still listed, which it kills then. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#restartTimer);
    const [process, input] = [this.#process, this.#input];
    this.#input = null;
    if (!process) return;
    process.ref();
    await input?.close().catch((error) => this.#logger.debug("the reaper was gone before it was stopped", { error }));
    await process.status;
  }

  async #write(line: string): Promise<void> {
    try {
      await this.#input?.write(new TextEncoder().encode(`${line}\n`));
    } catch (error) {
      // Its end is noticed elsewhere, and the next one is told the whole list.
      if (!this.#isStopped) this.#logger.warn("could not tell the reaper about a child", { error });
    }
  }

  #ended(): void {
    this.#process = null;
    this.#input?.abort().catch((error) => this.#logger.debug("the reaper's pipe is broken", { error }));
    this.#input = null;
    if (this.#isStopped) return;
    this.#logger.error("the reaper of agent processes ended; starting it again");
    this.#restartTimer = setTimeout(() => this.#restart(), RESTART_WAIT_MS);
  }

  #restart(): void {
    try {
      this.start();
    } catch (error) {
      this.#logger.error("could not start the reaper of agent processes", { error });
      this.#restartTimer = setTimeout(() => this.#restart(), RESTART_WAIT_MS);
    }
  }
}
