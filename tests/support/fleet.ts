/** A fleet: instances of the real program on one new database and one LiveKit server. */
import { Greenroom } from "./greenroom.ts";
import type { TestLivekit } from "./livekit.ts";
import { startPostgresByUrl } from "./postgres_url.ts";

export interface FleetMember {
  agents: string[];
  env?: Record<string, string>;
}

/** Started side by side: the database has been migrated before. Throws, and stops all, when one does not start. */
export async function startFleet(
  livekit: TestLivekit,
  members: readonly FleetMember[],
): Promise<{ fleet: Greenroom[] } & AsyncDisposable> {
  const postgres = await startPostgresByUrl();
  const starting = members.map(({ agents, env }) =>
    Greenroom.start({ agents, livekit, env: { DATABASE_URL: postgres.url, ...env } })
  );
  const started = await Promise.allSettled(starting);
  const fleet = started.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  const stop = async () => {
    await Promise.all(fleet.map((greenroom) => greenroom.stop()));
    await postgres[Symbol.asyncDispose]();
  };
  const failed = started.find((each) => each.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return { fleet, [Symbol.asyncDispose]: stop };
}
