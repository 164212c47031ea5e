import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { type DataDir, DataDirError, openDataDir } from "../../../core/lifecycle/data_dir.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { type Database, openDatabase } from "../../../db/client.ts";
import { DatabaseError } from "../../../db/database_error.ts";
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from "../../../db/embedded.ts";
import { ensureRunnable, findPostgresPackage } from "../../../db/embedded/binaries.ts";
import { LOCATION_FILE } from "../../../db/embedded/home.ts";
import { canRun, chooseUser } from "../../../db/embedded/run_as.ts";
import { type DatabaseChild, processesOf, startDatabaseChild } from "../../support/database_processes.ts";
import { eventually } from "../../support/eventually.ts";
import { makeTestDir } from "../../support/test_dir.ts";

const LINUX = Deno.build.os === "linux";
const ROOT = Deno.uid() === 0;
const FAST = { durable: false, settings: { fsync: "off" } };
const never = new AbortController().signal;

async function withTempDir(work: (path: string) => Promise<void>): Promise<void> {
  const path = await makeTestDir();
  // Open as /tmp is, so that root's stand-in can enter what we do not close.
  await Deno.chmod(path, 0o755);
  try {
    await work(path);
  } finally {
    // A killed owner's server still writes for a moment.
    await eventually(() => Deno.remove(path, { recursive: true }).then(() => true), {
      what: "removal of the test's files",
    });
  }
}

interface Running {
  dataDir: DataDir;
  server: EmbeddedPostgres;
  database: Database;
}

async function withServer<T>(
  path: string,
  work: (running: Running) => Promise<T>,
  options: Partial<EmbeddedPostgresOptions> = FAST,
): Promise<T> {
  const dataDir = await openDataDir(path);
  const server = new EmbeddedPostgres({ dataDir, logger: silentLogger, ...options });
  try {
    await server.start(never);
    const limits = { poolSize: 2, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 };
    const database = openDatabase({ source: server.connection, ...limits });
    try {
      return await work({ dataDir, server, database });
    } finally {
      await database.close();
    }
  } finally {
    await server.stop();
    dataDir.close();
  }
}

async function startError(path: string, options: Partial<EmbeddedPostgresOptions> = FAST): Promise<DatabaseError> {
  const error = await withServer(path, () => Promise.resolve(null), options).catch((thrown) => thrown);
  assert.ok(error instanceof DatabaseError, `expected a DatabaseError, got ${Deno.inspect(error)}`);
  return error;
}

async function writtenIds(path: string): Promise<Set<number>> {
  return await withServer(path, async ({ database }) => {
    const [table] = await database.sql`select to_regclass('written') is not null as there`;
    if (!table?.there) return new Set<number>();
    const rows = await database.sql<{ id: number }[]>`select id::int as id from written`;
    return new Set(rows.map((row) => row.id));
  });
}

async function noProcessOf(path: string): Promise<void> {
  await eventually(async () => (await processesOf(path)).length === 0, { what: `no process of ${path} is left` });
}

Deno.test("EmbeddedPostgres keeps its rows and its password when it is stopped and started again", () =>
  withTempDir(async (temp) => {
    const first = await withServer(temp, async ({ database, server }) => {
      await database.sql`create table kept (n int)`;
      await database.sql`insert into kept values (7)`;
      return server.connection;
    }, {});
    await withServer(temp, async ({ database, server }) => {
      assert.deepEqual([...await database.sql`select n from kept`], [{ n: 7 }]);
      assert.deepEqual(server.connection, first);
    }, {});
    assert.deepEqual(await processesOf(temp), []);
  }));

Deno.test("EmbeddedPostgres listens on a socket in a private directory only, with SCRAM, and flushes commits", () =>
  withTempDir((temp) =>
    withServer(temp, async ({ database, server }) => {
      const settings = await database.sql`
        select current_setting('listen_addresses') as addresses, current_setting('fsync') as fsync,
          current_setting('synchronous_commit') as commit,
          (select bool_and(auth_method = 'scram-sha-256') from pg_hba_file_rules) as scram`;
      assert.deepEqual([...settings], [{ addresses: "", fsync: "on", commit: "on", scram: true }]);
      assert.equal((await Deno.stat(server.connection.host)).mode! & 0o777, 0o700);
    }, {})
  ));

Deno.test("EmbeddedPostgres uses a short socket directory when the data directory's path is long", () =>
  withTempDir(async (temp) => {
    const long = join(temp, "a".repeat(60), "b".repeat(60));
    const used = await withServer(long, async ({ database, server }) => {
      assert.deepEqual([...await database.sql`select 1 as n`], [{ n: 1 }]);
      assert.ok(server.connection.host.length < 80, server.connection.host);
      return server.connection.host;
    });
    await assert.rejects(Deno.stat(used), Deno.errors.NotFound);
  }));

Deno.test("EmbeddedPostgres.run throws when the server dies, and start brings it back at the same address", () =>
  withTempDir((temp) =>
    withServer(temp, async ({ database, server }) => {
      await database.sql`create table kept (n int)`;
      const before = server.connection;
      const ran = server.run(never);
      const [row] = await database.sql`select pg_read_file('postmaster.pid') as pid`;
      Deno.kill(Number.parseInt(row?.pid, 10), "SIGKILL");
      await assert.rejects(ran, /ended unexpectedly/);
      await server.start(never);
      assert.deepEqual(server.connection, before);
      await eventually(() => database.sql`select count(*) from kept`, { what: "the pool connects again" });
    })
  ));

Deno.test("EmbeddedPostgres.run stops the server and resolves when its signal aborts", () =>
  withTempDir((temp) =>
    withServer(temp, async ({ server, database }) => {
      const stopping = new AbortController();
      const ran = server.run(stopping.signal);
      stopping.abort();
      await ran;
      assert.deepEqual(await processesOf(temp), []);
      await assert.rejects(async () => await database.sql`select 1`);
    })
  ));

Deno.test("EmbeddedPostgres.start leaves no process when it is aborted while the cluster is made", () =>
  withTempDir(async (temp) => {
    const dataDir = await openDataDir(temp);
    const stopping = new AbortController();
    const logger = { ...silentLogger, info: (text: string) => text.includes("creating") && stopping.abort() };
    await assert.rejects(new EmbeddedPostgres({ dataDir, logger, ...FAST }).start(stopping.signal));
    dataDir.close();
    await noProcessOf(temp);
    assert.equal((await writtenIds(temp)).size, 0);
  }));

Deno.test("openDataDir refuses a second start and names the holder when another process runs the database", () =>
  withTempDir(async (temp) => {
    await using child = startDatabaseChild("hold", join(temp, "data"));
    await child.event((event) => event.ready);
    const error = await openDataDir(join(temp, "data")).catch((thrown) => thrown);
    assert.ok(error instanceof DataDirError);
    assert.equal(error.code, "in_use");
    assert.match(error.message, new RegExp(`process ${child.pid}, running since`));
  }));

/** Moments to kill at: name, and what has been seen then. */
const MOMENTS: [string, (child: DatabaseChild, data: string) => Promise<unknown>][] = [
  ["initdb has just begun", (child) => child.event((event) => event.log === "database: creating")],
  ["initdb is half way", (_child, data) => eventually(() => initdbIsHalfWay(data), { everyMs: 2 })],
  ["the cluster was just made", (child) => child.event((event) => /created in/.test(event.log ?? ""))],
  ["the server is up", (child) => child.event((event) => /up in/.test(event.log ?? ""))],
  ["rows are written", (child) => child.event((event) => (event.committed ?? 0) >= 50)],
  ["more rows are written", (child) => child.event((event) => (event.committed ?? 0) >= 400)],
];

async function initdbIsHalfWay(data: string): Promise<boolean> {
  for await (const entry of Deno.readDir(join(data, "postgres"))) {
    if (!entry.name.startsWith("init-")) continue;
    return await Deno.stat(join(data, "postgres", entry.name, "cluster", "base", "1")).then(() => true, () => false);
  }
  return false;
}

for (const [moment, reached] of MOMENTS) {
  Deno.test({
    name: `EmbeddedPostgres leaves no process and loses no committed row when its owner is killed -9 as ${moment}`,
    ignore: !LINUX, // Looks for processes in /proc.
    fn: () =>
      withTempDir(async (temp) => {
        const data = join(temp, "data");
        await using child = startDatabaseChild("hold", data);
        await reached(child, data);
        await child.kill();
        const committed = child.events.map((event) => event.committed).filter((id) => id !== undefined);
        await noProcessOf(data);
        const found = await writtenIds(data);
        assert.deepEqual(committed.filter((id) => !found.has(id)), []);
        const unfinished = [...Deno.readDirSync(join(data, "postgres"))].filter((entry) => /^init-/.test(entry.name));
        assert.deepEqual(unfinished, []);
      }),
  });
}

Deno.test({
  name: "EmbeddedPostgres recovers at once, round after round, when each start follows a kill -9 without a pause",
  ignore: !LINUX,
  fn: () =>
    withTempDir(async (temp) => {
      const data = join(temp, "data");
      const committed: number[] = [];
      for (let round = 1; round <= 5; round++) {
        await using child = startDatabaseChild("hold", data);
        await child.event((event) => (event.committed ?? 0) >= committed.length + 20 * round);
        await child.kill();
        committed.push(...child.events.flatMap((event) => event.committed ?? []));
      }
      const found = await writtenIds(data);
      assert.deepEqual(committed.filter((id) => !found.has(id)), []);
      await noProcessOf(data);
    }),
});

Deno.test({
  name: "EmbeddedPostgres ends the server of an earlier process when that one's guard was killed too",
  ignore: !LINUX,
  fn: () =>
    withTempDir(async (temp) => {
      const data = join(temp, "data");
      await using child = startDatabaseChild("hold", data);
      await child.event((event) => event.ready);
      for (const { pid, command } of await processesOf(data)) {
        if (command.startsWith("/bin/sh")) Deno.kill(pid, "SIGKILL");
      }
      await child.kill();
      assert.ok((await processesOf(data)).some(({ command }) => command.includes("bin/postgres")));
      const committed = child.events.flatMap((event) => event.committed ?? []);
      const found = await writtenIds(data);
      assert.deepEqual(committed.filter((id) => !found.has(id)), []);
      await noProcessOf(data);
    }),
});

Deno.test({
  name: "EmbeddedPostgres starts when a stale lock file names a living process of the same user",
  ignore: !LINUX,
  fn: () =>
    withTempDir(async (temp) => {
      await withServer(temp, () => Promise.resolve());
      const cluster = join(temp, "postgres", "cluster");
      const runAs = await chooseUser(cluster);
      const other = new Deno.Command("/bin/sleep", { args: ["60"], cwd: "/", ...runAs }).spawn();
      try {
        const lock = join(cluster, "postmaster.pid");
        await Deno.writeTextFile(lock, `${other.pid}\n${cluster}\n1\n5432\n\n\n1 1\nready\n`, { mode: 0o600 });
        if (runAs !== null) await Deno.chown(lock, runAs.uid, runAs.gid);
        await withServer(temp, async ({ database }) => {
          assert.deepEqual([...await database.sql`select 1 as n`], [{ n: 1 }]);
        });
      } finally {
        other.kill("SIGKILL");
        await other.status;
      }
    }),
});

Deno.test("EmbeddedPostgres says what to do when the cluster was made by another major version", () =>
  withTempDir(async (temp) => {
    await Deno.mkdir(join(temp, "postgres", "cluster"), { recursive: true });
    await Deno.writeTextFile(join(temp, "postgres", "cluster", "PG_VERSION"), "15\n");
    const error = await startError(temp);
    assert.equal(error.code, "incompatible_cluster");
    assert.match(error.message, /PostgreSQL 15; this program brings 18/);
  }));

Deno.test("EmbeddedPostgres says what to do when its password file is gone", () =>
  withTempDir(async (temp) => {
    await withServer(temp, () => Promise.resolve());
    await Deno.remove(join(temp, "postgres-password"));
    assert.equal((await startError(temp)).code, "password_lost");
    await assert.rejects(Deno.stat(join(temp, "postgres-password")), Deno.errors.NotFound);
  }));

Deno.test({
  name: "EmbeddedPostgres says that the disk is full when there is no room for the cluster",
  ignore: !LINUX || !ROOT, // Mounts a small disk.
  fn: () =>
    withTempDir(async (temp) => {
      const mount = (program: string, ...args: string[]) => new Deno.Command(program, { args }).output();
      if (!(await mount("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", temp)).success) return;
      try {
        const error = await startError(temp);
        assert.equal(error.code, "disk_full");
        assert.match(error.message, /full/);
      } finally {
        assert.ok((await mount("umount", temp)).success);
      }
    }),
});

Deno.test({
  name: "EmbeddedPostgres keeps the cluster elsewhere when the data directory lies below one that only root can enter",
  ignore: !LINUX || !ROOT,
  fn: () =>
    withTempDir(async (temp) => {
      const closed = join(temp, "closed");
      await Deno.mkdir(closed, { mode: 0o700 });
      const options = { ...FAST, sharedDir: join(temp, "shared") };
      for (const expected of [0, 1]) {
        await withServer(join(closed, "data"), async ({ database }) => {
          await database.sql`create table if not exists kept (n int)`;
          const [row] = await database.sql`select count(*)::int as count from kept`;
          assert.equal(row?.count, expected);
          await database.sql`insert into kept values (1)`;
        }, options);
      }
      const location = (await Deno.readTextFile(join(closed, "data", LOCATION_FILE))).trim();
      assert.ok(location.startsWith(join(temp, "shared")));
    }),
});

Deno.test({
  name: "EmbeddedPostgres removes the cluster that it kept elsewhere for a temporary data directory that is gone",
  ignore: !LINUX || !ROOT,
  fn: () =>
    withTempDir(async (temp) => {
      const closed = await Deno.makeTempDir({ prefix: "greenroom-test-" });
      try {
        const options = { ...FAST, sharedDir: join(temp, "shared") };
        await withServer(join(closed, "data"), () => Promise.resolve(), options);
        const location = (await Deno.readTextFile(join(closed, "data", LOCATION_FILE))).trim();
        await Deno.remove(join(closed, "data"), { recursive: true });
        await withServer(join(closed, "other"), () => Promise.resolve(), options);
        await assert.rejects(Deno.stat(location), Deno.errors.NotFound);
      } finally {
        await Deno.remove(closed, { recursive: true });
      }
    }),
});

Deno.test({
  name: "EmbeddedPostgres moves an existing cluster when its directory has become closed to root's stand-in",
  ignore: !LINUX || !ROOT,
  fn: () =>
    withTempDir(async (temp) => {
      await Deno.mkdir(join(temp, "place"));
      const data = join(temp, "place", "data");
      await withServer(data, async ({ database }) => void await database.sql`create table kept (n int)`);
      await Deno.chmod(join(temp, "place"), 0o700);
      await withServer(data, async ({ database }) => void await database.sql`select * from kept`, {
        ...FAST,
        sharedDir: join(temp, "shared"),
      });
      await assert.rejects(Deno.stat(join(data, "postgres")), Deno.errors.NotFound);
    }),
});

Deno.test({
  name: "ensureRunnable copies PostgreSQL's programs when they lie in a directory that only root can enter",
  ignore: !LINUX || !ROOT,
  fn: () =>
    withTempDir(async (temp) => {
      const closed = join(temp, "closed");
      await Deno.mkdir(closed, { mode: 0o700 });
      const found = await findPostgresPackage();
      await cp(found.nativeDir, join(closed, "native"), { recursive: true });
      const runAs = await chooseUser(join(temp, "none"));
      const copies: string[] = [];
      for (let start = 0; start < 2; start++) {
        const runnable = await ensureRunnable({ ...found, nativeDir: join(closed, "native") }, runAs, {
          linkDir: join(temp, "lib"),
          sharedDir: join(temp, "shared"),
          onCopied: (to) => copies.push(to),
        });
        assert.ok(runnable.nativeDir.startsWith(join(temp, "shared")));
        const tried = await canRun(join(runnable.nativeDir, "bin", "initdb"), ["-V"], runAs, runnable.env);
        assert.deepEqual(tried, { ok: true });
      }
      assert.equal(copies.length, 1);
    }),
});

Deno.test({
  name: "EmbeddedPostgres runs as an ordinary user, kill -9 included",
  ignore: !LINUX || !ROOT, // Tests that run as an ordinary user show it all the time.
  fn: () =>
    withTempDir(async (temp) => {
      const user = (await chooseUser(join(temp, "none")))!;
      if (!(await canRun(Deno.execPath(), ["--version"], user)).ok) return; // This deno is root's alone.
      const data = join(temp, "data");
      await Deno.chown(temp, user.uid, user.gid);
      await using child = startDatabaseChild("hold", data, { runAs: user, home: temp });
      await child.event((event) => (event.committed ?? 0) >= 10);
      await child.kill();
      await noProcessOf(data);
      await using again = startDatabaseChild("hold", data, { runAs: user, home: temp });
      await again.event((event) => (event.committed ?? 0) > 10);
    }),
});
