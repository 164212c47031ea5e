import assert from "node:assert/strict";
import fc from "fast-check";
import { LineSplitter, MAX_LINE_CHARS, MAX_LINES_PER_SECOND } from "../../../core/runtime/child_output.ts";

const encoder = new TextEncoder();

function split(chunks: readonly Uint8Array[], nowMs: () => number = () => 0): { lines: string[]; tail: string } {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => void lines.push(line), nowMs);
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return { lines, tail: splitter.tail };
}

Deno.test("LineSplitter gives the same lines however the bytes are cut", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replace(/[\r\n\0]/g, ""));
  fc.assert(fc.property(fc.array(line, { maxLength: 20 }), fc.integer({ min: 1, max: 9 }), (wanted, size) => {
    const bytes = encoder.encode(wanted.map((text) => `${text}\n`).join(""));
    const chunks = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, i) => bytes.slice(i * size, (i + 1) * size),
    );
    assert.deepEqual(split(chunks).lines, wanted);
  }));
});

Deno.test("LineSplitter cuts a line that is too long and goes on with the next", () => {
  const { lines } = split([encoder.encode("x".repeat(MAX_LINE_CHARS)), encoder.encode("yyy\nnext\r\nlast")]);
  assert.deepEqual(lines, [`${"x".repeat(MAX_LINE_CHARS)}…`, "next", "last"]);
});

Deno.test("LineSplitter counts the lines beyond its rate and says so when the next second begins", () => {
  let nowMs = 0;
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => void lines.push(line), () => nowMs);
  splitter.write(encoder.encode("a\n".repeat(MAX_LINES_PER_SECOND + 7)));
  assert.equal(lines.length, MAX_LINES_PER_SECOND);
  nowMs = 1_000;
  splitter.write(encoder.encode("b\n"));
  assert.match(lines.at(-2) ?? "", /^\[7 lines dropped/);
  assert.equal(lines.at(-1), "b");
});

Deno.test("LineSplitter keeps the last 4 kB and replaces NUL", () => {
  const { lines, tail } = split([encoder.encode(`${"x".repeat(10_000)}\nend\0`)]);
  assert.equal(tail.length, 4_096);
  assert.ok(tail.endsWith("\nend\uFFFD"));
  assert.equal(lines.at(-1), "end\uFFFD");
});
