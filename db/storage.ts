/** How much room the database's tables take. Sizes are exact; rows are the planner's estimate. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

export interface TableSize extends Record<string, unknown> {
  /** A partitioned table with all its partitions is one. */
  table: string;
  bytes: number;
  /** Null: never analysed. */
  estimatedRows: number | null;
}

/** Our tables, the largest first. */
export async function listTableSizes(database: Database): Promise<TableSize[]> {
  return await rows<TableSize>(
    database,
    sql`select coalesce(parent.relname, part.relname)::text as table,
        sum(pg_total_relation_size(part.oid))::float8 as bytes,
        sum(part.reltuples) filter (where part.reltuples >= 0)::float8 as "estimatedRows"
      from pg_class part join pg_namespace on pg_namespace.oid = part.relnamespace
        left join pg_inherits on pg_inherits.inhrelid = part.oid left join pg_class parent on parent.oid = inhparent
      where part.relkind = 'r' and nspname = current_schema() group by 1 order by 2 desc, 1`,
  );
}

/** All of the database, catalogue included. */
export async function databaseBytes(database: Database): Promise<number> {
  const [found] = await rows<{ bytes: number }>(
    database,
    sql`select pg_database_size(current_database())::float8 as bytes`,
  );
  return found?.bytes ?? 0;
}
