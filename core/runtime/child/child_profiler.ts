/**
 * Profiles of this child for the control plane. The answer goes in chunks, each sent when the one before was taken
 * (`profile_next`), so that a large one neither fills the channel nor is in the way of other messages for long.
 */
import type { ChildMessage, ParentMessage } from "../messages.ts";
import type { ProfileTaken } from "../../telemetry/profile.ts";

/** Before base64, which makes four bytes of three. */
const CHUNK_BYTES = 262_144;

type Asked = Extract<ParentMessage, { type: "profile" }>;
type Next = Extract<ParentMessage, { type: "profile_next" }>;

export class ChildProfiler {
  readonly #send: (message: ChildMessage) => void;
  readonly #waiting = new Map<number, () => void>();

  constructor(send: (message: ChildMessage) => void) {
    this.#send = send;
  }

  receive(message: Asked | Next): void {
    if (message.type === "profile_next") return this.#waiting.get(message.requestId)?.();
    this.#answer(message).catch((error) => {
      const { jobId, requestId } = message;
      this.#send({
        type: "profile",
        jobId,
        requestId,
        isLast: true,
        error: { code: "profile_failed", message: `${error}` },
      });
    });
  }

  async #answer({ jobId, requestId, request }: Asked): Promise<void> {
    const { takeProfile } = await import("../../telemetry/profile.ts");
    const taken: ProfileTaken = await takeProfile(request);
    const base = { type: "profile", jobId, requestId } as const;
    if (!taken.ok) {
      return this.#send({ ...base, isLast: true, error: { code: taken.code, message: taken.message.slice(0, 1_000) } });
    }
    for (let from = 0;; from += CHUNK_BYTES) {
      const isLast = from + CHUNK_BYTES >= taken.gzip.length;
      this.#send({ ...base, isLast, chunk: taken.gzip.subarray(from, from + CHUNK_BYTES).toBase64() });
      if (isLast) return;
      await new Promise<void>((resolve) => this.#waiting.set(requestId, resolve));
      this.#waiting.delete(requestId);
    }
  }
}
