/**
 * Messages between jobs of this instance: a job subscribes to a topic, in its room or everywhere, and gets what others
 * publish there. At most once and unordered between publishers; nothing is kept for later. Bounded: MAX_TOPICS per job,
 * MAX_DATA_CHARS per message, MAX_PER_SECOND messages per publishing job. A subscriber that can't be reached misses it.
 */
import { z } from "zod";
import { method, type RequestingJob, type RequestMethod, RequestRefusal } from "./job_requests.ts";
import { BUS_SCOPES, type BusScope } from "./messages.ts";

const MAX_TOPICS = 100;
const MAX_TOPIC_CHARS = 128;
const MAX_DATA_CHARS = 65_536;
const MAX_PER_SECOND = 500;

const address = { topic: z.string().min(1).max(MAX_TOPIC_CHARS), scope: z.enum(BUS_SCOPES) };

export class JobBus {
  /** Subscribed jobs by topic, and room if the scope is "room". */
  readonly #topics = new Map<string, Map<string, RequestingJob>>();
  /** Topics of each job. */
  readonly #byJob = new Map<string, Set<string>>();
  readonly #published = new Map<string, { second: number; count: number }>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Throws RequestRefusal when the job has too many subscriptions. The same again changes nothing. */
  subscribe(job: RequestingJob, topic: string, scope: BusScope): void {
    const key = keyOf(job.room, topic, scope);
    const topics = this.#byJob.get(job.jobId) ?? new Set();
    if (!topics.has(key) && topics.size >= MAX_TOPICS) {
      throw new RequestRefusal("too_many_requests", `This job has ${MAX_TOPICS} subscriptions already`);
    }
    this.#byJob.set(job.jobId, topics.add(key));
    const subscribers = this.#topics.get(key) ?? new Map();
    this.#topics.set(key, subscribers.set(job.jobId, job));
  }

  unsubscribe(job: RequestingJob, topic: string, scope: BusScope): void {
    this.#drop(job.jobId, keyOf(job.room, topic, scope));
  }

  /** How many jobs it was sent to; the publisher itself is not one of them. */
  publish(job: RequestingJob, topic: string, scope: BusScope, data: unknown): number {
    this.#admit(job.jobId);
    if (JSON.stringify(data ?? null).length > MAX_DATA_CHARS) {
      throw new RequestRefusal("too_large", `A message between jobs has at most ${MAX_DATA_CHARS} characters`);
    }
    const from = { jobId: job.jobId, agent: job.agent, room: job.room };
    let reached = 0;
    for (const subscriber of this.#topics.get(keyOf(job.room, topic, scope))?.values() ?? []) {
      if (subscriber.jobId === job.jobId) continue;
      if (subscriber.send({ type: "deliver", jobId: subscriber.jobId, topic, scope, data, from })) reached += 1;
    }
    return reached;
  }

  /** The job has ended: it hears nothing any more. */
  ended(jobId: string): void {
    for (const key of this.#byJob.get(jobId) ?? []) this.#drop(jobId, key);
    this.#byJob.delete(jobId);
    this.#published.delete(jobId);
  }

  /** Topics that somebody has subscribed to. */
  get topicCount(): number {
    return this.#topics.size;
  }

  #admit(jobId: string): void {
    const second = Math.floor(this.#nowMs() / 1_000);
    const known = this.#published.get(jobId);
    const window = known?.second === second ? known : { second, count: 0 };
    this.#published.set(jobId, window);
    if (++window.count > MAX_PER_SECOND) {
      throw new RequestRefusal("too_many_requests", `A job may publish ${MAX_PER_SECOND} messages per second`);
    }
  }

  #drop(jobId: string, key: string): void {
    this.#byJob.get(jobId)?.delete(key);
    const subscribers = this.#topics.get(key);
    subscribers?.delete(jobId);
    if (subscribers?.size === 0) this.#topics.delete(key);
  }
}

export function busRequests(bus: JobBus): Record<string, RequestMethod> {
  return {
    "bus.subscribe": method(z.object(address), (job, { topic, scope }) => bus.subscribe(job, topic, scope)),
    "bus.unsubscribe": method(z.object(address), (job, { topic, scope }) => bus.unsubscribe(job, topic, scope)),
    "bus.publish": method(
      z.object({ ...address, data: z.unknown() }),
      (job, { topic, scope, data }) => bus.publish(job, topic, scope, data),
    ),
  };
}

function keyOf(room: string, topic: string, scope: BusScope): string {
  return scope === "room" ? `room\n${room}\n${topic}` : `everywhere\n${topic}`;
}
