import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ByteStream,
  MAX_FRAME_BYTES,
  MAX_QUEUED_CHARS,
  MAX_QUEUED_MESSAGES,
  MessageStream,
} from "../../../core/runtime/message_stream.ts";

/** A connection whose other end is the test: what it reads is given, what it writes is kept. */
class FakeStream implements ByteStream {
  written = "";
  isClosed = false;
  /** Holds writes back until it has resolved. */
  mayWrite: Promise<void> = Promise.resolve();
  readonly #chunks: Uint8Array[] = [];
  #wake: () => void = () => {};
  #hasEnded = false;

  give(chunk: Uint8Array | string): void {
    this.#chunks.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
    this.#wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        const part = chunk.subarray(0, buffer.length);
        if (part.length < chunk.length) this.#chunks.unshift(chunk.subarray(part.length));
        buffer.set(part);
        return part.length;
      }
      if (this.#hasEnded) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.mayWrite;
    this.written += new TextDecoder().decode(bytes);
    return bytes.length;
  }

  close(): void {
    this.isClosed = true;
    this.end();
  }
}

function open(bytesPerSecond?: number) {
  const [received, dropped]: [unknown[], string[]] = [[], []];
  const fake = new FakeStream();
  const stream = new MessageStream({
    onMessage: (message) => void received.push(message),
    onDropped: (reason) => void dropped.push(reason),
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
  });
  return { received, dropped, fake, stream };
}

Deno.test("MessageStream gives the same messages back, however the bytes are cut", async () => {
  const messages = fc.array(fc.jsonValue().map((value) => ({ value })), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(messages, fc.integer({ min: 1, max: 40 }), async (sent, cut) => {
      const sender = open();
      sender.stream.attach(sender.fake);
      for (const message of sent) assert.ok(sender.stream.send(message));
      await sender.stream.flushed();
      const receiver = open();
      receiver.stream.attach(receiver.fake);
      const bytes = new TextEncoder().encode(sender.fake.written);
      for (let at = 0; at < bytes.length; at += cut) receiver.fake.give(bytes.slice(at, at + cut));
      receiver.fake.end();
      await receiver.stream.closed;
      assert.deepEqual(receiver.received, JSON.parse(JSON.stringify(sent)));
      assert.deepEqual(receiver.dropped, []);
      sender.stream.close();
    }),
    { numRuns: 50 },
  );
});

Deno.test("MessageStream drops what is not JSON, too long or cut off, and reads on", async () => {
  const { received, dropped, fake, stream } = open();
  stream.attach(fake);
  fake.give('{"n":1}\nnonsense\n\n');
  fake.give(`"${"x".repeat(MAX_FRAME_BYTES)}"\n{"n":2}\n{"n":`);
  fake.end();
  await stream.closed;
  assert.deepEqual(received, [{ n: 1 }, { n: 2 }]);
  assert.deepEqual(dropped, ["not JSON", `more than ${MAX_FRAME_BYTES} bytes`, "cut off"]);
});

Deno.test("MessageStream refuses to send what is too long or can't be said in JSON", async () => {
  const { dropped, fake, stream } = open();
  stream.attach(fake);
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  assert.equal(stream.send({ text: "é".repeat(MAX_FRAME_BYTES / 2) }), false);
  assert.equal(stream.send(circular), false);
  assert.equal(stream.send({ fits: "x".repeat(MAX_FRAME_BYTES / 2) }), true);
  await stream.flushed();
  assert.equal(dropped.length, 2);
  assert.equal(fake.written.length, MAX_FRAME_BYTES / 2 + '{"fits":""}\n'.length);
  stream.close();
});

Deno.test("MessageStream keeps what it was given before it had a connection, in order", async () => {
  const { fake, stream } = open();
  for (const n of [1, 2, 3]) assert.ok(stream.send({ n }));
  stream.attach(fake);
  stream.send({ n: 4 });
  await stream.flushed();
  assert.equal(fake.written, '{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}\n');
  stream.close();
});

Deno.test("MessageStream says false when more waits than it keeps, and goes on when the other end reads again", async () => {
  const { fake, stream } = open();
  const { promise, resolve } = Promise.withResolvers<void>();
  fake.mayWrite = promise;
  stream.attach(fake);
  const text = "x".repeat(10_000);
  let sent = 0;
  while (stream.send({ text })) sent++;
  assert.ok(sent <= MAX_QUEUED_MESSAGES && sent * text.length <= MAX_QUEUED_CHARS + 65_536);
  resolve();
  await stream.flushed();
  assert.equal(fake.written.split("\n").length - 1, sent);
  assert.equal(stream.send({ text }), true);
  await stream.flushed();
  stream.close();
});

Deno.test("MessageStream is closed once, by either end, and says false from then on", async () => {
  for (const close of [(fake: FakeStream) => fake.end(), (_: FakeStream, stream: MessageStream) => stream.close()]) {
    const { fake, stream } = open();
    stream.attach(fake);
    close(fake, stream);
    await stream.closed;
    assert.equal(stream.isClosed, true);
    assert.equal(fake.isClosed, true);
    assert.equal(stream.send({ n: 1 }), false);
  }
});
