/** Used by `deno task generate <name>` only; the program applies migrations with drizzle-orm's own migrator. */
export default { dialect: "postgresql", schema: "./db/schema/*.ts", out: "./db/migrations" };
