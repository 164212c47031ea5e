/**
 * Checks what was handed to `defineAgent`. Written by hand, not with zod: every slot loads this, and slots are many.
 */

type Check = (value: unknown) => string | null;
type Fields = Readonly<Record<string, Check>>;

const MAX_TEXT_CHARS = 65_536;
const MAX_MIDDLEWARE = 100;
/** LiveKit's own limit of an identity is 256; the attempt's number is added. */
export const MAX_IDENTITY_CHARS = 200;
/** The longest that a timer can wait: 24.8 days. */
export const MAX_DURATION_MS = 2_147_483_647;

const PARTICIPANT: Check = record({
  name: optional(text),
  metadata: optional(text),
  attributes: optional(textRecord),
});

const OPTIONS: Fields = {
  name: (value) =>
    typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)
      ? null
      : 'must be 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit',
  jobType: optional(oneOf("room", "participant", "publisher")),
  dispatch: optional(oneOf("explicit", "automatic")),
  namespace: optional(label),
  deployment: optional((value) =>
    label(value) ?? ((value as string).includes("_") ? 'must not contain "_": LiveKit refuses it' : null)
  ),
  metadata: optional((value) => isZodSchema(value) ? null : "must be a zod schema, for example z.object({ … })"),
  isolation: optional(oneOf("process", "inline")),
  jobsPerProcess: optional(wholeNumber(1, 1_000)),
  warmSlots: optional(wholeNumber(0, 1_000)),
  maxJobs: optional(wholeNumber(1, 100_000)),
  memoryLimitMb: optional(wholeNumber(32, 1_048_576)),
  heapLimitMb: optional(wholeNumber(16, 1_048_576)),
  readiness: optional(oneOf("connected", "explicit")),
  timeoutMs: optional(wholeNumber(1, MAX_DURATION_MS)),
  aloneTimeoutMs: optional(wholeNumber(0, MAX_DURATION_MS)),
  heartbeatTimeoutMs: optional(wholeNumber(100, MAX_DURATION_MS)),
  shutdownGraceMs: optional(wholeNumber(0, 600_000)),
  recovery: optional(record({
    maxAttempts: optional(wholeNumber(1, 1_000)),
    maxAgeMs: optional(wholeNumber(0, MAX_DURATION_MS)),
    backoff: optional(record({
      firstMs: optional(wholeNumber(0, MAX_DURATION_MS)),
      factor: optional((value) =>
        typeof value === "number" && value >= 1 && value <= 100 ? null : "must be a number from 1 to 100"
      ),
      maxMs: optional(wholeNumber(0, MAX_DURATION_MS)),
    })),
    decide: optional(callable),
    onRecoveryAttempt: optional(callable),
    onRecovered: optional(callable),
    onRecoveryFailed: optional(callable),
  })),
  permissions: optional(record({
    canPublish: optional(flag),
    canSubscribe: optional(flag),
    canPublishData: optional(flag),
    canUpdateOwnMetadata: optional(flag),
    hidden: optional(flag),
  })),
  identity: optional(identityTemplate),
  participant: optional((value) => typeof value === "function" ? null : PARTICIPANT(value)),
  osPermissions: optional(record({
    net: optional((value) => flag(value) === null || textList(value) === null ? null : "must be true, false or hosts"),
    env: optional(textList),
    read: optional(textList),
  })),
  accept: optional(callable),
  priority: optional(callable),
  load: optional(callable),
  middleware: optional((value) =>
    Array.isArray(value) && value.length <= MAX_MIDDLEWARE && value.every((one) => typeof one === "function")
      ? null
      : `must be a list of at most ${MAX_MIDDLEWARE} functions`
  ),
  prewarm: optional(callable),
  entry: callable,
};

/** Throws one TypeError that lists every problem, each with the field's path and its current value. */
export function assertValidOptions(options: unknown): void {
  const problems = problemsOf(options, OPTIONS, "");
  if (problems.length === 0) return;
  const name = (options as { name?: unknown } | null)?.name;
  const which = typeof name === "string" ? `agent "${name}"` : "agent";
  throw new TypeError(`Cannot define ${which}: ${problems.join("; ")}`);
}

function problemsOf(value: unknown, fields: Fields, path: string): string[] {
  if (!isObject(value)) {
    return [`${path === "" ? "options" : path} must be an object: current value is ${shown(value)}`];
  }
  const problems = Object.keys(value).filter((field) => !Object.hasOwn(fields, field))
    .map((field) => `${path}${path === "" ? "" : "."}${field} is not an option here`);
  for (const [field, check] of Object.entries(fields)) {
    const problem = check(value[field]);
    if (problem !== null) problems.push(...nested(problem, path === "" ? field : `${path}.${field}`, value[field]));
  }
  return problems;
}

/** A record's check answers with its own fields' problems, one a line, each beginning with ".". */
function nested(problem: string, path: string, value: unknown): string[] {
  if (!problem.startsWith(".")) return [`${path} ${problem}: current value is ${shown(value)}`];
  return problem.split("\n").map((line) => path + line);
}

function record(fields: Fields): Check {
  return (value) => {
    if (!isObject(value)) return "must be an object";
    const problems = problemsOf(value, fields, "");
    return problems.length === 0 ? null : problems.map((problem) => `.${problem}`).join("\n");
  };
}

function optional(check: Check): Check {
  return (value) => value === undefined ? null : check(value);
}

function oneOf(...values: string[]): Check {
  return (value) => values.includes(value as string) ? null : `must be ${values.map((one) => `"${one}"`).join(" or ")}`;
}

function wholeNumber(min: number, max: number): Check {
  return (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? null
      : `must be a whole number from ${min} to ${max}`;
}

function flag(value: unknown): string | null {
  return typeof value === "boolean" ? null : "must be true or false";
}

function text(value: unknown): string | null {
  return typeof value === "string" && value.length <= MAX_TEXT_CHARS ? null : "must be a text";
}

function textList(value: unknown): string | null {
  return Array.isArray(value) && value.every((one) => typeof one === "string" && one !== "")
    ? null
    : "must be a list of texts";
}

function textRecord(value: unknown): string | null {
  return isObject(value) && Object.values(value).every((one) => text(one) === null)
    ? null
    : "must be an object whose values are texts";
}

/** LiveKit: at most 64 bytes, no white space, no control characters. */
function label(value: unknown): string | null {
  return typeof value === "string" && /^[\x21-\x7e]{0,64}$/.test(value)
    ? null
    : "must be at most 64 printable ASCII characters without spaces";
}

function identityTemplate(value: unknown): string | null {
  if (typeof value !== "string" || value.length === 0 || value.length > MAX_IDENTITY_CHARS) {
    return `must be a text of 1 to ${MAX_IDENTITY_CHARS} characters`;
  }
  const unknown = [...value.matchAll(/\{[^}]*\}/g)].map(([name]) => name)
    .filter((name) => !/^\{(jobId|agent|room|participant)\}$/.test(name));
  return unknown.length === 0 ? null : `knows no ${unknown[0]}: use {jobId}, {agent}, {room} or {participant}`;
}

function callable(value: unknown): string | null {
  return typeof value === "function" ? null : "must be a function";
}

function isZodSchema(value: unknown): boolean {
  return isObject(value) && typeof value.safeParseAsync === "function" && "_zod" in value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (isObject(value)) return "an object";
  const text = typeof value === "bigint" ? `${value}n` : JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
