/**
 * Profiles of the process that this runs in, by V8's own inspector, without opening a port (Deno 2.9.6 has node:inspector's
 * Session; it needs --allow-sys):
 *
 *   cpu          where the time goes: samples each millisecond for a while (.cpuprofile)
 *   allocations  what was allocated during a while, and where, sampled (.heapprofile)
 *   heap         everything that is held now (.heapsnapshot). V8 stops the process for that, measured about 0.1 s per MB
 *                of heap, and needs ten times the heap for a moment; so larger heaps than MAX_HEAP_BYTES are refused.
 *
 * All of them open in Chrome's developer tools.
 */

export const PROFILE_KINDS = ["cpu", "allocations", "heap"] as const;
export type ProfileKind = typeof PROFILE_KINDS[number];

export interface ProfileRequest {
  kind: ProfileKind;
  /** For how long; a heap snapshot takes no such time. */
  durationMs: number;
}

/** Ends of the names of files that Chrome's developer tools open. */
export const PROFILE_SUFFIXES: Record<ProfileKind, string> = {
  cpu: "cpuprofile",
  allocations: "heapprofile",
  heap: "heapsnapshot",
};

export type ProfileTaken =
  | { ok: true; gzip: Uint8Array }
  | { ok: false; code: "heap_too_large" | "profile_failed"; message: string };

/** A live call is silent, and the control plane deaf, while a snapshot is taken: some seconds at this size. */
export const MAX_HEAP_BYTES = 50_331_648;
/** A process that takes a snapshot is not blamed for its silence and its memory for so long. */
export const SNAPSHOT_LIMIT_MS = 60_000;
const CPU_INTERVAL_US = 1_000;
const ALLOCATION_INTERVAL_BYTES = 16_384;

/** Never rejects. One at a time per process: V8 has one profiler. */
export async function takeProfile(request: ProfileRequest): Promise<ProfileTaken> {
  const { heapUsed } = Deno.memoryUsage();
  if (request.kind === "heap" && heapUsed > MAX_HEAP_BYTES) {
    const megabytes = (bytes: number) => `${Math.ceil(bytes / 1_048_576)} MB`;
    const message = `The heap holds ${megabytes(heapUsed)}; a snapshot stops the process for too long above ${
      megabytes(MAX_HEAP_BYTES)
    }.`;
    return { ok: false, code: "heap_too_large", message };
  }
  try {
    const chunks = await withInspector((post, on) => {
      if (request.kind === "heap") return heapSnapshot(post, on);
      return request.kind === "cpu" ? cpuProfile(post, request.durationMs) : allocations(post, request.durationMs);
    });
    return { ok: true, gzip: await gzip(chunks) };
  } catch (error) {
    return { ok: false, code: "profile_failed", message: error instanceof Error ? error.message : String(error) };
  }
}

/** Collects all garbage of this process; without V8's flag for `gc()`, for which see childFlags. */
export async function collectGarbage(): Promise<void> {
  await withInspector((post) => post("HeapProfiler.collectGarbage"));
}

type Post = (method: string, params?: Record<string, unknown>) => Promise<Record<string, unknown>>;
type On = (event: string, listener: (params: Record<string, unknown>) => void) => void;

async function withInspector<T>(work: (post: Post, on: On) => Promise<T>): Promise<T> {
  const { Session } = await import("node:inspector");
  const session = new Session();
  session.connect();
  // A plain function type: node's overloads name each of V8's methods.
  const send = session.post.bind(session) as (
    method: string,
    params: object,
    done: (error: Error | null, result?: object) => void,
  ) => void;
  const post: Post = (method, params = {}) =>
    new Promise((resolve, reject) =>
      send(method, params, (error, result) => error ? reject(error) : resolve({ ...result }))
    );
  const on: On = (event, listener) => void session.on(event, ({ params }) => listener(params));
  try {
    return await work(post, on);
  } finally {
    session.disconnect();
  }
}

async function cpuProfile(post: Post, durationMs: number): Promise<string[]> {
  await post("Profiler.enable");
  await post("Profiler.setSamplingInterval", { interval: CPU_INTERVAL_US });
  await post("Profiler.start");
  await elapse(durationMs);
  const { profile } = await post("Profiler.stop");
  return [JSON.stringify(profile)];
}

async function allocations(post: Post, durationMs: number): Promise<string[]> {
  await post("HeapProfiler.enable");
  await post("HeapProfiler.startSampling", {
    samplingInterval: ALLOCATION_INTERVAL_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await elapse(durationMs);
  const { profile } = await post("HeapProfiler.stopSampling");
  return [JSON.stringify(profile)];
}

async function heapSnapshot(post: Post, on: On): Promise<string[]> {
  const chunks: string[] = [];
  on("HeapProfiler.addHeapSnapshotChunk", ({ chunk }) => void chunks.push(String(chunk)));
  await post("HeapProfiler.enable");
  await post("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  return chunks;
}

function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function gzip(chunks: readonly string[]): Promise<Uint8Array> {
  const packed = ReadableStream.from(chunks).pipeThrough(new TextEncoderStream()).pipeThrough(
    new CompressionStream("gzip"),
  );
  return new Uint8Array(await new Response(packed).arrayBuffer());
}
