/** Leases of work that one instance does for the whole fleet, on database time. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

/** Takes or renews the lease for `ttlMs`; its fencing token, or null while another instance holds it. */
export async function holdLease(
  database: Database,
  name: string,
  holder: string,
  ttlMs: number,
): Promise<string | null> {
  const until = sql`now() + ${ttlMs}::int * interval '1 millisecond'`;
  const [held] = await rows<{ token: string }>(
    database,
    sql`insert into leases (name, holder, token, until) values (${name}, ${holder}::uuid, gen_random_uuid(), ${until})
      on conflict (name) do update set until = excluded.until, holder = excluded.holder,
        token = case when leases.holder = excluded.holder and leases.until > now() then leases.token else excluded.token end
      where leases.holder = excluded.holder or leases.until <= now() returning token`,
  );
  return held?.token ?? null;
}

/** Gives the lease up, so that another instance need not wait for its end. */
export async function releaseLease(database: Database, name: string, holder: string): Promise<void> {
  await rows(database, sql`update leases set until = now() where name = ${name} and holder = ${holder}::uuid`);
}
