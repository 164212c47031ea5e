/**
 * A call as a component sees it: idle → joining → in_room → left | failed; joining again starts anew. The call ends with the
 * component. What LiveKit's client needs is loaded with the first join.
 */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { AlertText } from "../Alert.tsx";
import { write } from "../live/write.ts";
import { joinProblem, surroundingsProblem } from "./call_problem.ts";
import { SILENCE_DB } from "./level.ts";
import type { RoomCall } from "./room_call.ts";
import { answerFigures, heardNow, isSpeaking, NO_TURNS, type Turns } from "./turns.ts";
import type { CallPhase, RoomLine, TalkTarget } from "./types.ts";

const METER_MS = 50;
const ROUND_TRIP_MS = 2_000;
/** Older lines go. */
const MAX_LINES = 200;
/** Long enough for a talk, short for a token that lies in a page. */
const TOKEN_TTL_SECONDS = 600;

export interface Answers {
  isAgentSpeaking: boolean;
  /** Null before the first answer. */
  figures: ReturnType<typeof answerFigures>;
}

export interface CallControl {
  call: CallPhase;
  lines: readonly RoomLine[];
  answers: Answers;
  /** Decibels; they change many times a second, so only the meters read them. */
  ownDb: Signal<number>;
  agentDb: Signal<number>;
  join: () => void;
  leave: () => void;
  setMicrophone: (isOn: boolean) => void;
  startSound: () => void;
  /** Null, or why it could not be sent. */
  send: (topic: string, text: string) => Promise<string | null>;
}

interface Token {
  token: string;
  url: string;
}

const NO_ANSWERS: Answers = { isAgentSpeaking: false, figures: null };

export function useCall(target: TalkTarget): CallControl {
  const [call, setCall] = useState<CallPhase>({ phase: "idle" });
  const [lines, setLines] = useState<readonly RoomLine[]>([]);
  const running = useRef<RoomCall | null>(null);
  const ending = useRef(new AbortController());
  const { answers, ownDb, agentDb } = useLevels(running, call.phase === "in_room");

  const join = async () => {
    ending.current.abort();
    const { signal } = ending.current = new AbortController();
    setLines([]);
    setCall({ phase: "joining" });
    const end = (phase: CallPhase) => {
      if (!signal.aborted) setCall(phase);
    };
    const identity = `operator-${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36)}`;
    const body = { room: target.room, identity, ttlSeconds: TOKEN_TTL_SECONDS };
    const minted = await write<Token>("POST", "/api/v1/tokens", body);
    if (!minted.ok) return end({ phase: "failed", problem: minted.problem });
    const { url, token } = minted.value;
    const unsuitable = surroundingsProblem(location, url);
    if (unsuitable) return end({ phase: "failed", problem: unsuitable });
    const module = await import("./room_call.ts").catch(() => null);
    if (signal.aborted) return;
    if (module === null) return end({ phase: "failed", problem: NOT_LOADED });
    const joined = await module.RoomCall.join({
      url,
      token,
      target,
      signal,
      onView: (view) => end({ phase: "in_room", view }),
      onLine: (line) => setLines((before) => withLine(before, line)),
      onLeft: (words) => {
        if (running.current === null) return; // still joining: the join tells why
        running.current = null;
        end({ phase: "left", words });
      },
    });
    if (!joined.ok) return end({ phase: "failed", problem: joinProblem(joined.failure, url) });
    if (signal.aborted) return void joined.call.leave().catch(() => {/* nobody waits for it */});
    running.current = joined.call;
    await joined.call.setMicrophone(true);
  };
  const leave = () => {
    const left = running.current;
    if (left === null) ending.current.abort();
    setCall({ phase: "left", words: "You have left the room." });
    running.current = null;
    // Whether or not LiveKit hears the goodbye, it sees the connection end.
    void left?.leave().catch(() => {});
  };
  useEffect(() => () => {
    ending.current.abort();
    void running.current?.leave().catch(() => {/* the page goes on without it */});
    running.current = null;
  }, []);

  return {
    call,
    lines,
    answers,
    ownDb,
    agentDb,
    join: () => void join().catch((error) => setCall({ phase: "failed", problem: unexpected(error) })),
    leave,
    setMicrophone: (isOn) => void running.current?.setMicrophone(isOn),
    startSound: () => void running.current?.startSound().catch(() => {/* the button stays, to be tried again */}),
    send: (topic, text) => running.current?.send(topic, text) ?? Promise.resolve("You are not in the room."),
  };
}

/** Looks at the levels of both, and what follows from them, while the call lasts. */
function useLevels(running: { current: RoomCall | null }, isInRoom: boolean) {
  const ownDb = useSignal(SILENCE_DB);
  const agentDb = useSignal(SILENCE_DB);
  const [answers, setAnswers] = useState(NO_ANSWERS);
  useEffect(() => {
    if (!isInRoom) return;
    let turns: Turns = NO_TURNS;
    let shown = NO_ANSWERS;
    setAnswers(shown);
    const meter = setInterval(() => {
      const levels = running.current?.levels();
      if (levels === undefined) return;
      const nowMs = performance.now();
      ownDb.value = levels.ownDb;
      agentDb.value = levels.agentDb;
      const before = turns.answersMs;
      turns = heardNow(turns, nowMs, levels);
      const isAgentSpeaking = isSpeaking(turns.agentLoudMs, nowMs);
      if (isAgentSpeaking === shown.isAgentSpeaking && turns.answersMs === before) return;
      setAnswers(shown = { isAgentSpeaking, figures: answerFigures(turns) });
    }, METER_MS);
    const roundTrip = setInterval(() => {
      void running.current?.measureRoundTrip().catch(() => {/* no figure this time */});
    }, ROUND_TRIP_MS);
    return () => {
      clearInterval(meter);
      clearInterval(roundTrip);
      ownDb.value = agentDb.value = SILENCE_DB;
    };
  }, [isInRoom]);
  return { answers, ownDb, agentDb };
}

function withLine(lines: readonly RoomLine[], line: RoomLine): readonly RoomLine[] {
  const at = lines.findIndex(({ key }) => key === line.key);
  return at >= 0 ? lines.with(at, line) : [...lines, line].slice(-MAX_LINES);
}

function unexpected(error: unknown): AlertText {
  const message = error instanceof Error ? error.message : String(error);
  return joinProblem({ kind: "other", status: null, message }, "");
}

const NOT_LOADED = {
  title: "The part of this page that joins rooms could not be loaded",
  detail: "The server was updated since this page came, or it can't be reached.",
  remedy: "Reload the page and try again.",
};
