import { customType, timestamp } from "drizzle-orm/pg-core";

/** A timestamptz column, read and written as `Date`, with the microseconds that Postgres keeps cut to milliseconds. */
export const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: "date" });

/**
 * A jsonb column that may hold a text: the driver has parsed the JSON already, and drizzle's own jsonb would parse a text
 * that looks like JSON once more (`"{}"` would come back as an object).
 */
export const json = customType<{ data: unknown }>({
  dataType: () => "jsonb",
  toDriver: (value) => JSON.stringify(value),
});
