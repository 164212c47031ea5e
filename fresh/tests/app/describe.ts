/** Says what props an island got, kind by kind. */
export function describe(props: Record<string, unknown>): string {
  return Object.entries(props).map(([name, value]) => `${name}: ${show(value)}`).join("\n");
}

function show(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Date) return `Date ${value.toISOString()}`;
  if (value instanceof URL) return `URL ${value.href}`;
  if (value instanceof RegExp) return `RegExp ${value}`;
  if (value instanceof Set) return `Set ${[...value].map(show)}`;
  if (value instanceof Map) return `Map ${[...value].map(([key, each]) => `${show(key)}=>${show(each)}`)}`;
  if (value instanceof Uint8Array) return `Uint8Array ${value}`;
  if (Array.isArray(value)) return `[${Array.from(value, (each, index) => index in value ? show(each) : "hole")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if ((value as { self?: unknown }).self === value) return "circular";
  return `{${Object.entries(value).map(([name, each]) => `${name}:${show(each)}`)}}`;
}
