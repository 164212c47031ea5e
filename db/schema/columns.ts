import { timestamp } from "drizzle-orm/pg-core";

/** A timestamptz column, read and written as `Date`, with the microseconds that Postgres keeps cut to milliseconds. */
export const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: "date" });
