/** LISTEN and NOTIFY on one channel. Payloads are our own JSON, at most 8,000 bytes. */
import { z } from "zod";
import type { Database } from "./client.ts";

const CHANNEL = "greenroom";

const noticeSchema = z.object({ from: z.string(), topic: z.string(), subjects: z.array(z.string()) });
export type Notice = z.infer<typeof noticeSchema>;

/** Sends all of them in one statement. */
export async function notify(database: Database, notices: readonly Notice[]): Promise<void> {
  const payloads = JSON.stringify(notices.map((notice) => JSON.stringify(notice)));
  await database.sql.unsafe(
    `select pg_notify('${CHANNEL}', payload) from jsonb_array_elements_text($1::text::jsonb) as payload`,
    [payloads],
    { prepare: true },
  );
}

/**
 * Listens on a connection of its own until `stop`. The driver makes a lost connection again; `onListening` is called each
 * time it listens. Resolves at the first time; rejects when that can't be had.
 */
export async function listenFor(
  database: Database,
  { onNotice, onListening }: { onNotice: (notice: Notice) => void; onListening: () => void },
): Promise<{ stop(): Promise<void> }> {
  const session = database.dedicated();
  const heard = (payload: string) => {
    const notice = parse(payload);
    if (notice !== null) onNotice(notice);
  };
  try {
    await session.listen(CHANNEL, heard, onListening);
  } catch (error) {
    await session.end({ timeout: 1 });
    throw error;
  }
  return { stop: () => session.end({ timeout: 1 }) };
}

/** Null for what is not ours: anybody in the database may notify. */
function parse(payload: string): Notice | null {
  try {
    return noticeSchema.safeParse(JSON.parse(payload)).data ?? null;
  } catch {
    // Not JSON, so not one of ours either.
    return null;
  }
}
