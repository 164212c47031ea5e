import assert from "node:assert/strict";
import { createLogger, type LoggerOptions, type LogLevel } from "../../../core/lifecycle/logger.ts";

const AT = new Date("2026-01-02T03:04:05.678Z");
const LEVELS: LogLevel[] = ["debug", "info", "warn", "error"];

function listening(options: Partial<LoggerOptions> = {}) {
  const lines: { line: string; level: LogLevel }[] = [];
  const logger = createLogger({
    level: "debug",
    format: "json",
    now: () => AT,
    write: (line, level) => void lines.push({ line, level }),
    ...options,
  });
  return { logger, lines, last: () => JSON.parse(lines.at(-1)?.line ?? "null") };
}

Deno.test("a logger writes what is at or above its level, each line with its own level", () => {
  for (const [index, level] of LEVELS.entries()) {
    const { logger, lines } = listening({ level });
    for (const each of LEVELS) logger[each]("x");
    assert.deepEqual(lines.map((line) => line.level), LEVELS.slice(index));
  }
});

Deno.test("a json line holds time, level, message and every field", () => {
  const { logger, last } = listening();
  logger.info("job ended", { job: "j", waitMs: 3, ok: true, none: null, list: [1, "a"] });
  assert.deepEqual(last(), {
    at: AT.toISOString(),
    level: "info",
    message: "job ended",
    job: "j",
    waitMs: 3,
    ok: true,
    none: null,
    list: [1, "a"],
  });
});

Deno.test("a text line holds the time of day, the level, the message, and fields that stay one word or are quoted", () => {
  const { logger, lines } = listening({ format: "text" });
  logger.warn("slow", { room: "a", reason: "two words", sign: "a=b", n: 1, part: { x: 1 } });
  assert.equal(lines[0]?.line, '03:04:05.678 WARN  slow room=a reason="two words" sign="a=b" n=1 part={"x":1}');
});

Deno.test("with binds fields to every event; an event's own field wins, and the parent stays as it is", () => {
  const { logger, last } = listening();
  const bound = logger.with({ job: "j", room: "r" }).with({ attempt: 1 });
  bound.info("x", { room: "other" });
  assert.deepEqual([last().job, last().room, last().attempt], ["j", "other", 1]);
  logger.info("y");
  assert.deepEqual(Object.keys(last()), ["at", "level", "message"]);
});

Deno.test("a field can't replace an event's time, level or message", () => {
  const { logger, last } = listening();
  logger.info("outer", { message: "inner", at: 0, level: "error" });
  assert.deepEqual(last(), {
    at: AT.toISOString(),
    level: "info",
    message: "outer",
    message_: "inner",
    at_: 0,
    level_: "error",
  });
});

Deno.test("a secret is never printed: recognised by its field's name, at any depth, in both formats", () => {
  const names = ["token", "accessToken", "apiSecret", "password", "Authorization", "api_key", "apiKey", "set-cookie"];
  for (const format of ["json", "text"] as const) {
    for (const name of names) {
      const { logger, lines } = listening({ format });
      logger.with({ [name]: "s3cret" }).info("x", {
        [name.toUpperCase()]: "s3cret",
        headers: { [name]: "s3cret", list: [{ [name]: ["s3cret"] }] },
      });
      assert.ok(!lines[0]?.line.includes("s3cret"), `${name}: ${lines[0]?.line}`);
      assert.match(lines[0]?.line ?? "", /\[redacted\]/);
    }
  }
});

Deno.test("an error is printed with its stack, also inside another field", () => {
  const { logger, last } = listening();
  logger.error("x", { error: new TypeError("boom"), causes: [new Error("inner")] });
  assert.match(last().error, /TypeError: boom[^]*logger_test/);
  assert.match(last().causes[0], /Error: inner/);
});

Deno.test("a logger prints what JSON can't hold: circles, big integers, functions, invalid dates", () => {
  for (const format of ["json", "text"] as const) {
    const { logger, lines } = listening({ format });
    const circle: Record<string, unknown> = { n: 1n };
    circle.self = circle;
    logger.info("x", { circle, big: 2n, f: () => 1, at2: new Date(NaN), day: AT, s: Symbol("s"), none: undefined });
    assert.match(lines[0]?.line ?? "", /2026-01-02/);
  }
});

Deno.test("a logger cuts long texts, lists and objects", () => {
  const { logger, last, lines } = listening();
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, i]));
  logger.info("x", { long: "a".repeat(1_000_000), list: Array(5_000).fill(1), many });
  assert.match(last().long, /… \(1000000 characters\)$/);
  assert.ok((lines[0]?.line.length ?? Infinity) < 10_000);
});

Deno.test("a logger writes an event as debug when its error has been told already", () => {
  const { logger, lines } = listening();
  logger.error("x", { error: Object.assign(new Error("away"), { isTold: true }) });
  logger.error("x", { error: new Error("broken") });
  assert.deepEqual(lines.map(({ level }) => level), ["debug", "error"]);
});
