/** How fast offers are answered in a storm. LiveKit's server is played, so that each offer and its answer are seen. */
import { eventually } from "../../tests/support/eventually.ts";
import { startFakeLivekit } from "../../tests/support/fake_livekit_server.ts";
import { Greenroom } from "../../tests/support/greenroom.ts";
import { storm } from "../../tests/support/storm.ts";
import { percentile, summarize } from "../statistics.ts";
import type { Measured } from "./bed.ts";

const ROUNDS = 3;
const OFFERS = 200;
const SLOTS = 20;
const AIM_MS = 250;

/** bench/availability.ts measures more of it. Throws unless each storm was answered once each and filled the slots. */
export async function measureStorms(): Promise<Measured> {
  await using fake = startFakeLivekit();
  const greenroom = await Greenroom.start({
    agents: ["echo"],
    livekit: { url: fake.url, apiKey: "devkey", apiSecret: "0123456789abcdef0123456789abcdef" },
    env: {
      MAX_CONCURRENT_JOBS: String(SLOTS),
      GREENROOM_LOG_LEVEL: "info",
      // The jobs have no room to join: they end soon, and are not run again into the next storm.
      GREENROOM_CONNECT_TIMEOUT_MS: "1000",
      GREENROOM_RECOVERY_MAX_ATTEMPTS: "1",
      GREENROOM_BREAKER_THRESHOLD: "0",
    },
  });
  try {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await greenroom.allSlotsFree(120_000);
      const connection = await eventually(() => fake.connections.find((one) => hasRegistered(one, "echo")));
      const result = await storm(connection, { offers: OFFERS, label: `storm-${round}`, agentName: "echo" });
      if (result.accepted.length !== SLOTS || result.extraAnswers > 0) {
        throw new Error(
          `A storm was answered wrongly: ${result.accepted.length} accepted, ${result.extraAnswers} twice`,
        );
      }
      times.push(...result.elapsedMs);
    }
    const p99 = percentile(times, 0.99);
    const what = `storm of ${OFFERS} offers on ${SLOTS} slots: offer → answer, p99 ${p99.toFixed(1)}`;
    const row = { what, summary: summarize(times), unit: "ms", aim: `p99 ≤ ${AIM_MS}`, isMet: p99 <= AIM_MS };
    return { rows: [row], raw: { storm: times } };
  } finally {
    await greenroom.stop();
  }
}

type Connection = ReturnType<typeof startFakeLivekit>["connections"][number];

function hasRegistered({ received, isOver }: Connection, agent: string): boolean {
  return !isOver && received.some((message) => message.case === "register" && message.value.agentName === agent);
}
