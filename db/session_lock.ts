/**
 * The session lock of an instance: an advisory lock that Postgres frees the moment the connection that holds it is gone.
 * Its key is the random end of the instance's id (62 bits), so that two instances never share one.
 */
import type postgres from "postgres";
import type { Database } from "./client.ts";
import { asTexts } from "./statement.ts";

const CLOSE_TIMEOUT_S = 1;

/** What is seen of another instance, in database time. */
export interface InstanceSight {
  instanceId: string;
  state: string;
  /** Milliseconds since the epoch, by the database's clock. */
  atMs: number;
  heartbeatAgeMs: number;
  isLockFree: boolean;
}

/** The connection that holds an instance's lock. */
export class InstanceSession {
  readonly #session: postgres.Sql;

  /** @param onBreak the connection has gone, and the lock with it; the next beat takes it again. Must not throw. */
  constructor(database: Pick<Database, "dedicated">, onBreak: () => void = () => {}) {
    this.#session = database.dedicated(onBreak);
  }

  /** Takes the lock if this session does not hold it, and writes the heartbeat; one round trip. False: the row has ended. */
  async beat(instanceId: string): Promise<boolean> {
    const key = lockKey(instanceId);
    const written = await this.#session.unsafe(
      `with held as (
        select 1 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted and objsubid = 1
          and classid = $2::oid and objid = $3::oid
      ), taken as (select pg_try_advisory_lock($4::bigint) where not exists (select from held))
      update instances set heartbeat_at = now() where id = $1::uuid and ended_at is null
        and coalesce((select true from taken), true) returning id`,
      asTexts([instanceId, key.high, key.low, key.whole]),
      { prepare: true },
    );
    return written.length === 1;
  }

  /** Gives the lock up with its connection. */
  async end(): Promise<void> {
    await this.#session.end({ timeout: CLOSE_TIMEOUT_S });
  }
}

/** All other instances that have not ended, at most `limit`. */
export async function lookAtOthers(database: Database, instanceId: string, limit: number): Promise<InstanceSight[]> {
  const found = await database.sql.unsafe<{ id: string; state: string; atMs: string; ageMs: string }[]>(
    `select id, state, (extract(epoch from now()) * 1000)::bigint::text as "atMs",
      (extract(epoch from now() - heartbeat_at) * 1000)::bigint::text as "ageMs"
    from instances where id <> $1::uuid and ended_at is null order by started_at limit $2::int`,
    asTexts([instanceId, limit]),
    { prepare: true },
  );
  if (found.length === 0) return [];
  const locks = await database.sql.unsafe<{ high: string; low: string }[]>(
    `select classid::text as high, objid::text as low from pg_locks where locktype = 'advisory' and granted
      and objsubid = 1 and database = (select oid from pg_database where datname = current_database())`,
    [],
    { prepare: true },
  );
  const held = new Set(locks.map(({ high, low }) => `${high}:${low}`));
  return found.map(({ id, state, atMs, ageMs }) => {
    const { high, low } = lockKey(id);
    const isLockFree = !held.has(`${high}:${low}`);
    return { instanceId: id, state, atMs: Number(atMs), heartbeatAgeMs: Number(ageMs), isLockFree };
  });
}

/** As pg_locks shows a bigint key: its high and low 32 bits, unsigned. */
function lockKey(instanceId: string): { whole: string; high: string; low: string } {
  const bits = BigInt(`0x${instanceId.replaceAll("-", "").slice(16)}`);
  return {
    whole: BigInt.asIntN(64, bits).toString(),
    high: (bits >> 32n).toString(),
    low: (bits & 0xffffffffn).toString(),
  };
}
