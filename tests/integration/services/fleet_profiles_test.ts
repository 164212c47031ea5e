import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { FleetCommands } from "../../../core/coordination/fleet_commands.ts";
import { Notices } from "../../../core/coordination/notices.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { FleetProfiles } from "../../../core/services/fleet_profiles.ts";
import type { Profile } from "../../../core/services/profiling.ts";
import { insertInstance } from "../../../db/instances.ts";
import { rows } from "../../../db/statement.ts";
import { databaseForEachTest } from "../../support/postgres.ts";

const test = databaseForEachTest();

const ADMIN = { actor: "rest:boss", role: "admin" } as const;
const REQUEST = { kind: "cpu", durationMs: 1_000 } as const;
const JOB_ID = uuidv7();

interface Member {
  id: string;
  profiles: FleetProfiles;
  commands: FleetCommands;
  /** What was taken here. */
  taken: unknown[];
}

/** Two instances that take commands; profiles on the second are `taken`. */
async function withFleet(
  work: (here: Member, there: Member) => Promise<void>,
  { take, maxBytes, timeoutMs = 5_000 }: { take: () => Promise<Profile>; maxBytes?: number; timeoutMs?: number },
): Promise<void> {
  const { database } = test;
  const ending = new AbortController();
  const running: Promise<void>[] = [];
  const join = async (): Promise<Member> => {
    const id = uuidv7();
    await insertInstance(database, { id, hostname: "x", pid: 1, version: "0", maxJobs: 1, region: null, zone: null });
    const options = { database, instanceId: id, logger: silentLogger };
    const notices = new Notices({ ...options, isEnabled: true });
    const commands = new FleetCommands({ ...options, notices, timeoutMs });
    const taken: unknown[] = [];
    const note = (...what: unknown[]) => {
      taken.push(what);
      return take();
    };
    const profiling = { ofInstance: note, ofJob: note };
    const limits = { partBytes: 1_000, ...(maxBytes === undefined ? {} : { maxBytes }) };
    const profiles = new FleetProfiles({ instanceId: id, profiling, commands, logger: silentLogger, ...limits });
    running.push(notices.run(ending.signal), commands.run(ending.signal));
    return { id, profiles, commands, taken };
  };
  try {
    await work(await join(), await join());
  } finally {
    ending.abort();
    await Promise.all(running);
  }
}

const bytes = crypto.getRandomValues(new Uint8Array(12_345));
const whole = () => Promise.resolve({ ok: true, gzip: bytes } as const);

Deno.test("A profile of another instance, or of its job, comes in parts, of which the database keeps none", () =>
  withFleet(async (here, there) => {
    const ofInstance = await here.profiles.ofInstance(there.id, REQUEST, ADMIN);
    assert.ok(ofInstance.ok);
    assert.deepEqual(ofInstance.gzip, bytes);
    const job = { id: JOB_ID, instanceId: there.id, endedAt: null };
    const ofJob = await here.profiles.ofJob(job, REQUEST, ADMIN);
    assert.ok(ofJob.ok && ofJob.gzip.length === bytes.length);
    assert.deepEqual([here.taken, there.taken], [[], [[REQUEST], [JOB_ID, REQUEST]]]);
    const commands = await rows<{ actor: string; size: number }>(
      test.database,
      sql`select actor, pg_column_size(payload) as size from instance_commands where kind = 'profile_part'`,
    );
    assert.equal(commands.length, 2 * 13);
    assert.ok(commands.every(({ actor }) => actor === ADMIN.actor));
  }, { take: whole }));

Deno.test("A profile of this instance, of its job and of a job that has ended is no matter of others", () =>
  withFleet(async (here, there) => {
    assert.ok((await here.profiles.ofInstance(here.id, REQUEST, ADMIN)).ok);
    assert.ok((await here.profiles.ofJob({ id: JOB_ID, instanceId: here.id, endedAt: null }, REQUEST, ADMIN)).ok);
    await here.profiles.ofJob({ id: JOB_ID, instanceId: there.id, endedAt: new Date() }, REQUEST, ADMIN);
    assert.deepEqual([here.taken.length, there.taken.length], [3, 0]);
  }, { take: whole }));

Deno.test("Another instance's reason for no profile is told as it is", () =>
  withFleet(async (here, there) => {
    const told = await here.profiles.ofInstance(there.id, REQUEST, ADMIN);
    assert.deepEqual(told, { ok: false, code: "heap_too_large", message: "too much" });
  }, { take: () => Promise.resolve({ ok: false, code: "heap_too_large", message: "too much" }) }));

Deno.test("An instance gives no profile to whom it takes for no admin, nor to an instance that has ended", () =>
  withFleet(async (here, there) => {
    const refused = await here.profiles.ofInstance(there.id, REQUEST, { actor: "rest:clerk", role: "operator" });
    assert.deepEqual(refused, { ok: false, code: "instance_refused", message: "Profiles are for admins." });
    assert.deepEqual(there.taken, []);
    const gone = await here.profiles.ofInstance(uuidv7(), REQUEST, ADMIN);
    assert.equal(gone.ok ? "" : gone.code, "instance_not_found");
  }, { take: whole }));

Deno.test("A profile that is too large is given up at the first part too many, and the rest is not sent", () =>
  withFleet(async (here, there) => {
    const told = await here.profiles.ofInstance(there.id, REQUEST, ADMIN);
    assert.equal(told.ok ? "" : told.code, "profile_too_large");
    // The next one is taken as soon as the other has given up, too.
    const again = await here.profiles.ofInstance(there.id, REQUEST, ADMIN);
    assert.ok(!again.ok && ["profile_too_large", "profile_busy"].includes(again.code));
    const parts = await rows(test.database, sql`select id from instance_commands where kind = 'profile_part'`);
    assert.ok(parts.length <= 2 * 4, `${parts.length} parts`);
  }, { take: whole, maxBytes: 2_500 }));

Deno.test("An instance that does not answer is told of as such", () =>
  withFleet(async (here) => {
    const { database } = test;
    const mute = uuidv7();
    const row = { hostname: "x", pid: 1, version: "0", maxJobs: 1, region: null, zone: null };
    await insertInstance(database, { id: mute, ...row });
    const told = await here.profiles.ofInstance(mute, REQUEST, ADMIN);
    assert.equal(told.ok ? "" : told.code, "instance_not_answering");
  }, { take: whole, timeoutMs: 300 }));

Deno.test("A large payload of a command is forgotten when it is done, a small one is kept", () =>
  withFleet(async (here, there) => {
    there.commands.handle("cordon", () => {});
    const large = crypto.getRandomValues(new Uint8Array(20_000)).toBase64();
    for (const payload of [{ small: 1 }, { large }]) {
      assert.deepEqual(await here.commands.send(there.id, "cordon", payload, "rest:me"), { ok: true });
    }
    const kept = await rows<{ payload: string }>(
      test.database,
      sql`select payload::text as payload from instance_commands order by id`,
    );
    assert.deepEqual(kept.map(({ payload }) => payload), ['{"small": 1}', "{}"]);
  }, { take: whole }));
