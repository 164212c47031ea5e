/** Keys, sessions and the audit log on a real database; two `Auth`s stand for two instances. */
import assert from "node:assert/strict";
import { Auth } from "../../../core/auth/auth.ts";
import { csrfTokenOf, Sessions } from "../../../core/auth/sessions.ts";
import { makeSecret } from "../../../core/auth/secrets.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { insertAuditRows, listAuditRows } from "../../../db/audit_log.ts";
import type { Database } from "../../../db/client.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestPostgres, type TestPostgres } from "../../support/postgres.ts";

const ADMIN_KEY = "admin-key-0123456789";
const HOUR_MS = 3_600_000;
const NOW = new Date("2026-01-01T00:00:00Z");
const later = (ms: number) => new Date(NOW.getTime() + ms);
let postgres: TestPostgres;

Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres.stop());

async function withDatabase(work: (database: Database, dataDir: string) => Promise<void>): Promise<void> {
  const test = await postgres.createTestDatabase();
  const dataDir = await Deno.makeTempDir();
  try {
    await work(test.database, dataDir);
  } finally {
    await test.drop();
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function newAuth(database: Database, dataDir: string): Promise<Auth> {
  const config = { host: "127.0.0.1", allowedHosts: null, sessionIdleMs: 12 * HOUR_MS, sessionMaxMs: 168 * HOUR_MS };
  const auth = new Auth({ adminKey: ADMIN_KEY, config, dataDir, logger: silentLogger });
  await auth.attach(database);
  return auth;
}

async function createKey(auth: Auth, name: string, expiresAt: Date | null = null) {
  const made = await auth.apiKeys.create({ name, role: "operator", expiresAt });
  assert.ok(made.ok);
  return made;
}

Deno.test("ApiKeys knows a key of the table by its role, and no key that is revoked or expired", () =>
  withDatabase(async (database, dataDir) => {
    const { apiKeys } = await newAuth(database, dataDir);
    const auth = await newAuth(database, dataDir);
    const { key, row } = await createKey(auth, "night-desk");
    const soon = await createKey(auth, "short", new Date(Date.now() + HOUR_MS));
    assert.deepEqual(await auth.apiKeys.authenticate(`Bearer ${key}`), {
      name: "night-desk",
      role: "operator",
      via: "key",
    });
    assert.equal(await auth.apiKeys.authenticate(`Bearer ${soon.key}`, new Date(Date.now() + 2 * HOUR_MS)), null);
    await apiKeys.refresh();
    assert.ok(await apiKeys.authenticate(`Bearer ${key}`), "another instance knows it");
    assert.equal((await auth.revokeKey(row.id))?.name, "night-desk");
    assert.equal(await auth.apiKeys.authenticate(`Bearer ${key}`), null);
    await apiKeys.refresh();
    assert.equal(await apiKeys.authenticate(`Bearer ${key}`), null, "another instance knows that it is revoked");
  }));

Deno.test("ApiKeys looks for a key that it does not know yet: another instance's new key works within seconds", () =>
  withDatabase(async (database, dataDir) => {
    const [one, other] = [await newAuth(database, dataDir), await newAuth(database, dataDir)];
    const { key } = await createKey(other, "fresh");
    const found = () => one.apiKeys.authenticate(`Bearer ${key}`);
    await eventually(found, { what: "the new key" });
  }));

Deno.test("a key that another instance revoked stops working while the service runs", () =>
  withDatabase(async (database, dataDir) => {
    const [one, other] = [await newAuth(database, dataDir), await newAuth(database, dataDir)];
    const { key, row } = await createKey(other, "soon-gone");
    await one.apiKeys.refresh();
    const stopping = new AbortController();
    const running = one.run(stopping.signal);
    assert.ok(await one.apiKeys.authenticate(`Bearer ${key}`));
    await other.revokeKey(row.id);
    const isGone = async () => await one.apiKeys.authenticate(`Bearer ${key}`) === null;
    await eventually(isGone, { what: "the key's end" });
    stopping.abort();
    await running;
  }));

Deno.test("ApiKeys stores no key, only its digest, and gives a name once", () =>
  withDatabase(async (database, dataDir) => {
    const auth = await newAuth(database, dataDir);
    const { key, row } = await createKey(auth, "ci");
    assert.ok(!JSON.stringify(await database.sql`select * from api_keys`).includes(key));
    await auth.revokeKey(row.id);
    for (const name of ["ci", "admin"]) {
      assert.deepEqual(await auth.apiKeys.create({ name, role: "viewer", expiresAt: null }), {
        ok: false,
        code: "name_taken",
      });
    }
    assert.equal(await auth.revokeKey(crypto.randomUUID()), null);
  }));

Deno.test("a session ends after its idle time, at its end, by closing it, and with its key", () =>
  withDatabase(async (database) => {
    const options = { database, logger: silentLogger, idleMs: HOUR_MS, maxMs: 3 * HOUR_MS };
    const sessions = new Sessions(options);
    const who = { name: "ci", role: "viewer" } as const;
    const open = () => sessions.open(who, null, NOW);

    const idle = await open();
    assert.deepEqual(await sessions.find(idle, NOW), {
      principal: { ...who, via: "session" },
      csrfToken: csrfTokenOf(idle),
    });
    assert.equal(await sessions.find(idle, later(HOUR_MS + 1)), null);

    const busy = await open();
    for (let minutes = 0; minutes < 180; minutes += 30) {
      assert.ok(await sessions.find(busy, later(minutes * 60_000)), `${minutes}`);
      // The write of last_seen_at is not awaited by find; another instance must see it before time goes on.
      const nearlyIdle = later(Math.min(minutes * 60_000 + HOUR_MS, 3 * HOUR_MS) - 1);
      const wasSeen = () => new Sessions(options).find(busy, nearlyIdle);
      await eventually(wasSeen, { what: "last_seen_at" });
    }
    assert.equal(await sessions.find(busy, later(3 * HOUR_MS)), null);

    const closed = await open();
    await sessions.find(closed, NOW);
    await sessions.close(closed);
    assert.equal(await sessions.find(closed, NOW), null);

    const withKey = await open();
    await sessions.find(withKey, NOW);
    await sessions.closeAllOf("ci");
    assert.equal(await sessions.find(withKey, NOW), null);
    assert.equal(await sessions.find(makeSecret(), NOW), null);
  }));

Deno.test("signing in ends the session that the browser had, and stores no cookie", () =>
  withDatabase(async (database, dataDir) => {
    const auth = await newAuth(database, dataDir);
    const first = await auth.signInWithKey(ADMIN_KEY, "192.0.2.1", null);
    assert.equal(first.kind, "signed_in");
    const second = await auth.signInWithKey(ADMIN_KEY, "192.0.2.1", first.kind === "signed_in" ? first.cookie : "");
    assert.ok(first.kind === "signed_in" && second.kind === "signed_in");
    assert.notEqual(first.cookie, second.cookie);
    assert.equal(await auth.sessions?.find(first.cookie), null);
    assert.ok(await auth.sessions?.find(second.cookie));
    assert.ok(!JSON.stringify(await database.sql`select * from sessions`).includes(second.cookie));
  }));

Deno.test("wrong keys are held up after a few different ones, a right one never", () =>
  withDatabase(async (database, dataDir) => {
    const auth = await newAuth(database, dataDir);
    const check = (key: string) => auth.checkKey(`Bearer ${key}`, "192.0.2.1");
    for (let i = 0; i < 20; i++) assert.equal((await check("stale")).kind, "unknown");
    const kinds = [];
    for (let i = 0; i < 6; i++) kinds.push((await check(`guess-${i}`)).kind);
    assert.deepEqual(kinds, ["unknown", "unknown", "unknown", "unknown", "limited", "limited"]);
    assert.equal((await check(ADMIN_KEY)).kind, "known");
    assert.equal((await check("stale")).kind, "unknown");
    assert.equal((await auth.checkKey("Basic x", "192.0.2.1")).kind, "unknown");
  }));

Deno.test("AuditTrail writes what was added before the database was there, once, and what is left when it stops", () =>
  withDatabase(async (database, dataDir) => {
    const config = { host: "127.0.0.1", allowedHosts: null, sessionIdleMs: HOUR_MS, sessionMaxMs: HOUR_MS };
    const { audit } = new Auth({ adminKey: ADMIN_KEY, config, dataDir, logger: silentLogger });
    const entry = { actor: "rest:ci", role: "operator", target: null, outcome: "ok" } as const;
    audit.add({ ...entry, action: "first" }, NOW);
    await audit.flush();
    audit.attach(database);
    const stopping = new AbortController();
    const running = audit.run(stopping.signal);
    audit.add({ ...entry, action: "second", fields: { status: 201 } }, later(1));
    stopping.abort();
    await running;
    const rows = await listAuditRows(database, { limit: 10, cursor: null });
    assert.deepEqual(rows.map(({ action }) => action), ["second", "first"]);
    assert.deepEqual(rows[0]?.fields, { status: 201 });
    await insertAuditRows(database, rows);
    assert.equal((await listAuditRows(database, { limit: 10, cursor: null })).length, 2);
    const [newest] = rows;
    assert.ok(newest);
    const older = await listAuditRows(database, { limit: 10, cursor: { createdAt: newest.at, id: newest.id } });
    assert.deepEqual(older.map(({ action }) => action), ["first"]);
  }));
