/**
 * Daily partitions of the append-only tables. They are made ahead of time; rows of a day without one go to the default
 * partition, and such a day keeps living there. Old ones are dropped, never deleted row by row.
 */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

const PARTITIONED_TABLES = ["transitions", "job_logs", "spans"] as const;
const DAYS_AHEAD = 3;
const DAY_MS = 86_400_000;

/** Makes the partitions of today and the next days, and drops those older than `retentionDays`. Returns what was dropped. */
export async function maintainPartitions(database: Database, now: Date, retentionDays: number): Promise<string[]> {
  const dropped: string[] = [];
  for (const table of PARTITIONED_TABLES) {
    for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) {
      await createPartition(database, table, new Date(now.getTime() + ahead * DAY_MS));
    }
    dropped.push(...await dropOldPartitions(database, table, new Date(now.getTime() - retentionDays * DAY_MS)));
  }
  return dropped;
}

async function createPartition(database: Database, table: string, day: Date): Promise<void> {
  const from = day.toISOString().slice(0, 10);
  const to = new Date(Date.parse(from) + DAY_MS).toISOString().slice(0, 10);
  // Two instances may try at once, and the default partition may already hold rows of that day: both are fine as they are.
  await rows(
    database,
    sql.raw(`do $$ begin
      create table if not exists ${
      partitionName(table, from)
    } partition of ${table} for values from ('${from} 00:00+00') to ('${to} 00:00+00');
    exception when duplicate_table or unique_violation or check_violation then null; end $$`),
  );
}

async function dropOldPartitions(database: Database, table: string, before: Date): Promise<string[]> {
  const partitions = await rows<{ name: string }>(
    database,
    sql`select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = ${table}::regclass`,
  );
  const oldest = partitionName(table, before.toISOString().slice(0, 10));
  const old = partitions.map((p) => p.name).filter((name) => /_\d{8}$/.test(name) && name < oldest);
  for (const name of old) await rows(database, sql`drop table if exists ${sql.identifier(name)}`);
  return old;
}

function partitionName(table: string, day: string): string {
  return `${table}_${day.replaceAll("-", "")}`;
}
