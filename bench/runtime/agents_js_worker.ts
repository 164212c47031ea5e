/** agents-js, installed by npm into a temporary folder, and one worker of it: a program of its own, run by node. */
import { findFreeTcpPort } from "../../core/livekit/free_ports.ts";
import { eventually } from "../../tests/support/eventually.ts";
import type { TestLivekit } from "../../tests/support/livekit.ts";
import { TextLineStream } from "../../tests/support/text_line_stream.ts";
import { memoryOfTree, type ProcessMemory } from "../memory.ts";
import { MAX_JOBS } from "./bed.ts";

const VERSION = "1.9.0";
const INSTALL_LIMIT_MS = 300_000;
const START_LIMIT_MS = 120_000;
const LINE_START = "\u0002";
const SOURCE = new URL("../peers/agents_js/echo_agent.mjs", import.meta.url);
/** Processes beside those of jobs: it keeps so many idle ones. */
const IDLE_PROCESSES = 2;
const MAX_LOG_LINES = 5_000;

export const PEER_AGENT = "agents-js-echo";

export interface PeerJob {
  room: string;
  pid: number;
  /** By the clock, when its connect had resolved. */
  readyAt: number;
}

/** The folder, to be removed by the caller, or why there is none. */
export async function installAgentsJs(): Promise<{ folder: string } | { skipped: string }> {
  const folder = await Deno.makeTempDir({ prefix: "greenroom-agents-js-" });
  const failed = async (reason: string) => {
    await Deno.remove(folder, { recursive: true });
    return { skipped: `skipped: agents-js could not be installed (${reason})` };
  };
  const manifest = { private: true, type: "module", dependencies: { "@livekit/agents": VERSION } };
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
  await Deno.copyFile(SOURCE, `${folder}/echo_agent.mjs`);
  try {
    const { success, stderr } = await new Deno.Command("npm", {
      args: ["install", "--no-audit", "--no-fund"],
      cwd: folder,
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(INSTALL_LIMIT_MS),
    }).output();
    if (!success) return await failed(new TextDecoder().decode(stderr).trim().split("\n").slice(-3).join(" "));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return await failed("npm is not on the PATH");
    throw error;
  }
  return { folder };
}

export class AgentsJsWorker {
  readonly #child: Deno.ChildProcess;
  readonly #port: number;
  readonly #jobs: PeerJob[] = [];
  readonly #log: string[] = [];
  readonly #reading: Promise<unknown>;

  private constructor(folder: string, livekit: TestLivekit) {
    this.#port = findFreeTcpPort();
    this.#child = new Deno.Command("node", {
      args: ["echo_agent.mjs"],
      cwd: folder,
      env: {
        LIVEKIT_URL: livekit.url,
        LIVEKIT_API_KEY: livekit.apiKey,
        LIVEKIT_API_SECRET: livekit.apiSecret,
        PEER_PORT: String(this.#port),
        PEER_MAX_JOBS: String(MAX_JOBS),
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
  }

  static async start(folder: string, livekit: TestLivekit): Promise<AgentsJsWorker> {
    const worker = new AgentsJsWorker(folder, livekit);
    try {
      const isRegistered = () => worker.#log.some((line) => line.includes("registered worker"));
      await eventually(isRegistered, { withinMs: START_LIMIT_MS, what: "agents-js's registration" });
      await worker.settled(0);
      return worker;
    } catch (error) {
      await worker.stop();
      throw new Error(`agents-js did not start:\n${worker.#log.slice(-20).join("\n")}`, { cause: error });
    }
  }

  /** The job in this room, when it is ready. */
  ready(room: string, withinMs: number): Promise<PeerJob> {
    return eventually(() => this.#jobs.find((job) => job.room === room), {
      withinMs,
      everyMs: 2,
      what: `${room} ready`,
    });
  }

  /** As the worker itself tells it. */
  async activeJobs(): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/worker`);
    return (await answer.json()).active_jobs;
  }

  /** It knows of so many jobs, and its idle processes are there: for two looks a second apart the same number. */
  async settled(jobs: number): Promise<void> {
    let before = -1;
    await eventually(async () => {
      const { length } = await this.memory();
      const isSteady = length === before && length >= 1 + jobs + IDLE_PROCESSES;
      before = length;
      return isSteady && await this.activeJobs() === jobs;
    }, { withinMs: START_LIMIT_MS, everyMs: 1_000, what: `agents-js with ${jobs} jobs and ${IDLE_PROCESSES} idle` });
  }

  /** The worker, its jobs' processes and its idle ones. */
  memory(): Promise<ProcessMemory[]> {
    return memoryOfTree(this.#child.pid);
  }

  /** Kills it and all of its processes. */
  async stop(): Promise<void> {
    for (const { pid } of await this.memory()) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error; // ended with its parent
      }
    }
    await this.#child.status;
    await this.#reading;
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const line of stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
      if (line.startsWith(LINE_START)) this.#jobs.push(JSON.parse(line.slice(LINE_START.length)));
      else if (this.#log.push(line) > MAX_LOG_LINES) this.#log.shift();
    }
  }
}
