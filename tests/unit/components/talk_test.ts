import { deepEqual, equal, match } from "node:assert/strict";
import fc from "fast-check";
import {
  joinProblem,
  leftWords,
  microphoneProblem,
  surroundingsProblem,
} from "../../../components/talk/call_problem.ts";
import { levelDbOf, levelWord, litSegments, SEGMENTS, SILENCE_DB } from "../../../components/talk/level.ts";
import { answerFigures, heardNow, isSpeaking, NO_TURNS, type Turns } from "../../../components/talk/turns.ts";

const LOUD = -20;

/** One letter is 50 ms: o own voice, a the agent's, b both, . nobody. */
function heard(course: string): Turns {
  return [...course].reduce((turns, letter, index) =>
    heardNow(turns, 1_000 + index * 50, {
      ownDb: "ob".includes(letter) ? LOUD : SILENCE_DB,
      agentDb: "ab".includes(letter) ? LOUD : SILENCE_DB,
    }), NO_TURNS);
}

Deno.test("an answer is the time from the person's last sound to the agent's next voice", () => {
  deepEqual(heard("ooo....aaa").answersMs, [250]);
  deepEqual(heard("oo..aa.......oo.a").answersMs, [150, 100]);
});

Deno.test("an agent that goes on after a short pause, speaks first, or talks over the person has not answered", () => {
  deepEqual(heard("o..aa..aa").answersMs, [150]);
  deepEqual(heard("aa.....").answersMs, []);
  deepEqual(heard("oobbaa").answersMs, []);
  deepEqual(heard("oo..aa........aa").answersMs, [150]);
});

Deno.test("answers are shown by their median and the longest, once there is one", () => {
  equal(answerFigures(NO_TURNS), null);
  deepEqual(answerFigures({ ...NO_TURNS, answersMs: [900, 100, 300] }), { medianMs: 300, longestMs: 900 });
});

Deno.test("a voice that pauses for less than 300 ms is still speaking", () => {
  const { agentLoudMs } = heard("a");
  deepEqual([isSpeaking(agentLoudMs, 1_299), isSpeaking(agentLoudMs, 1_300), isSpeaking(null, 0)], [
    true,
    false,
    false,
  ]);
});

Deno.test("a meter is dark in silence, full at full scale, and never lights more than it has", () => {
  equal(levelDbOf(new Float32Array(8)), SILENCE_DB);
  equal(levelDbOf(new Float32Array([1, -1])), 0);
  deepEqual([litSegments(SILENCE_DB), litSegments(0)], [0, SEGMENTS]);
  deepEqual([levelWord(SILENCE_DB), levelWord(-50), levelWord(-35), levelWord(0)], ["silent", "low", "medium", "high"]);
  fc.assert(fc.property(fc.double({ min: SILENCE_DB, max: 20, noNaN: true }), (db) => {
    const lit = litSegments(db);
    return Number.isInteger(lit) && lit >= 0 && lit <= SEGMENTS;
  }));
});

Deno.test("every failure to join is told with the server's address or the cause, and a remedy", () => {
  for (const kind of ["not_allowed", "unreachable", "timeout", "no_media_path", "other"] as const) {
    const { detail, remedy } = joinProblem({ kind, status: 401, message: "no" }, "wss://calls.example.com");
    match(detail, kind === "other" ? /no/ : /wss:\/\/calls\.example\.com/);
    match(remedy ?? "", /\.$/);
  }
  for (const name of ["insecure", "NotAllowedError", "NotFoundError", "NotReadableError", "TypeError"]) {
    match(microphoneProblem(name, "message").remedy ?? "", /\.$/);
  }
});

Deno.test("an https page is told that it may not connect to ws://, before it tries", () => {
  match(surroundingsProblem({ protocol: "https:" }, "ws://10.0.0.1:7880")?.remedy ?? "", /LIVEKIT_PUBLIC_URL/);
  equal(surroundingsProblem({ protocol: "https:" }, "wss://calls.example.com"), null);
  equal(surroundingsProblem({ protocol: "http:" }, "ws://127.0.0.1:7880"), null);
});

Deno.test("the end of a call is told in words", () => {
  equal(leftWords("ROOM_DELETED"), "The room was closed.");
  equal(leftWords("STATE_MISMATCH"), "The connection to the room was lost (STATE_MISMATCH).");
  equal(leftWords(null), "The connection to the room was lost.");
});
