/**
 * THE table of settings: environment variable, parser, default, unit, meaning. A default is stated here and nowhere
 * else; README's table is checked against this file by tests/readme_test.ts.
 */
import { z } from "zod";

export interface Setting<T> {
  /** Environment variable. */
  env: string;
  /** Parses the variable's text. */
  schema: z.ZodType<T, string>;
  /** What the setting is when the variable is not set (or is empty); null when it then has no value. */
  default: T;
  /** "ms", "bytes", "jobs", …; empty when it has none. */
  unit: string;
  meaning: string;
  /** Never printed, logged or shown. */
  secret: boolean;
}

type Extra = { unit?: string; secret?: boolean };

function setting<T>(
  env: string,
  schema: z.ZodType<T, string>,
  fallback: T,
  meaning: string,
  extra: Extra = {},
): Setting<T> {
  return { env, schema, default: fallback, meaning, unit: extra.unit ?? "", secret: extra.secret ?? false };
}

const text: z.ZodType<string, string> = z.string();
const optionalText: z.ZodType<string | null, string> = z.string();

function integer(min: number, max: number): z.ZodType<number, string> {
  return z.string().regex(/^\d+$/, "must be a whole number").transform(Number)
    .refine((n) => n >= min && n <= max, `must be between ${min} and ${max}`);
}

function flag(): z.ZodType<boolean, string> {
  return z.enum(["0", "1", "true", "false"], "must be 1, true, 0 or false").transform((v) => v === "1" || v === "true");
}

function oneOf<const V extends string>(...values: V[]): z.ZodType<V, string> {
  return z.string().refine((v): v is V => values.includes(v as V), `must be one of ${values.join(", ")}`) as z.ZodType<
    V,
    string
  >;
}

/** http(s) is corrected to ws(s), because that is what people copy; a missing scheme is refused with the form shown. */
const livekitUrl: z.ZodType<string | null, string> = z.string().transform((value, ctx) => {
  const corrected = value.replace(/^http(s?):\/\//, "ws$1://").replace(/\/+$/, "");
  if (/^wss?:\/\/[^/\s]+/.test(corrected) && URL.canParse(corrected)) return corrected;
  ctx.addIssue({ code: "custom", message: "must start with ws:// or wss://, for example wss://livekit.example.com" });
  return z.NEVER;
});

const postgresUrl: z.ZodType<string | null, string> = z.string().refine(
  (value) => /^postgres(ql)?:\/\//.test(value) && URL.canParse(value),
  "must look like postgres://user:password@host:5432/database",
);

const apiKey: z.ZodType<string | null, string> = z.string().min(16, "must be at least 16 characters").max(512)
  .regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces");

/** Names of hosts, without scheme and port. */
const hostNames: z.ZodType<string[] | null, string> = z.string().transform((value, ctx) => {
  const names = value.split(",").map((name) => name.trim().toLowerCase()).filter((name) => name !== "");
  if (names.length > 0 && names.every((name) => /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)$/.test(name))) return names;
  ctx.addIssue({ code: "custom", message: "must be names joined by commas, without scheme and port" });
  return z.NEVER;
});

const agentNames: z.ZodType<string[] | null, string> = z.string().transform((value, ctx) => {
  const names = value.split(",").map((name) => name.trim()).filter((name) => name !== "");
  if (names.length > 0 && names.every((name) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))) return names;
  ctx.addIssue({ code: "custom", message: "must be names of agents joined by commas" });
  return z.NEVER;
});

export const SETTINGS = {
  host: setting("HOST", text, "127.0.0.1", "Address to listen on. Other than loopback, put TLS in front."),
  port: setting("PORT", integer(0, 65_535), 8000, "Port of dashboard and REST API; 0 takes a free one."),
  dataDir: setting("GREENROOM_DATA_DIR", text, ".greenroom", "Where the database, secrets and caches live."),
  agentsDir: setting("GREENROOM_AGENTS_DIR", text, "agents", "Folder of agent files; may lie outside the project."),
  apiKey: setting("GREENROOM_API_KEY", apiKey, null, "Admin API key; without it one is made on first start.", {
    secret: true,
  }),
  allowedHosts: setting<string[] | null>(
    "GREENROOM_ALLOWED_HOSTS",
    hostNames,
    null,
    "Names, joined by commas, under which browsers reach this server, besides HOST and loopback.",
  ),
  sessionIdleMs: setting(
    "GREENROOM_SESSION_IDLE_MS",
    integer(1_000, 2_592_000_000),
    43_200_000,
    "A signed-in browser that was idle for so long must sign in again.",
    { unit: "ms" },
  ),
  sessionMaxMs: setting(
    "GREENROOM_SESSION_MAX_MS",
    integer(1_000, 31_536_000_000),
    604_800_000,
    "How long after sign-in a session ends at the latest.",
    { unit: "ms" },
  ),
  logLevel: setting(
    "GREENROOM_LOG_LEVEL",
    oneOf("debug", "info", "warn", "error"),
    "info",
    "Least level that is logged.",
  ),
  logFormat: setting(
    "GREENROOM_LOG_FORMAT",
    oneOf("auto", "json", "text"),
    "auto",
    "auto: text on a terminal, else json.",
  ),

  livekitUrl: setting("LIVEKIT_URL", livekitUrl, null, "ws:// or wss:// URL; without it a local server is started."),
  livekitApiKey: setting("LIVEKIT_API_KEY", optionalText, null, "API key of the LiveKit server."),
  livekitApiSecret: setting("LIVEKIT_API_SECRET", optionalText, null, "API secret of the LiveKit server.", {
    secret: true,
  }),
  livekitPublicUrl: setting("LIVEKIT_PUBLIC_URL", livekitUrl, null, "URL that browsers use; LIVEKIT_URL unless set."),
  livekitServerPath: setting(
    "GREENROOM_LIVEKIT_SERVER",
    optionalText,
    null,
    "Path of a livekit-server to start locally.",
  ),
  livekitBuildTimeoutMs: setting(
    "GREENROOM_LIVEKIT_BUILD_TIMEOUT_MS",
    integer(1_000, 3_600_000),
    900_000,
    "Limit of building the local LiveKit server.",
    { unit: "ms" },
  ),
  livekitHandshakeTimeoutMs: setting(
    "LIVEKIT_HANDSHAKE_TIMEOUT_MS",
    integer(100, 600_000),
    45_000,
    "Limit of one worker connection attempt.",
    { unit: "ms" },
  ),
  livekitPingIntervalMs: setting(
    "LIVEKIT_PING_INTERVAL_MS",
    integer(100, 60_000),
    4_000,
    "Between WorkerPings; two misses end the connection.",
    { unit: "ms" },
  ),
  livekitReconnectFirstMs: setting(
    "LIVEKIT_RECONNECT_FIRST_MS",
    integer(1, 60_000),
    500,
    "Upper bound of the first reconnect wait.",
    { unit: "ms" },
  ),
  livekitReconnectMaxMs: setting(
    "LIVEKIT_RECONNECT_MAX_MS",
    integer(1, 600_000),
    30_000,
    "Upper bound of any reconnect wait.",
    { unit: "ms" },
  ),
  livekitHealthIntervalMs: setting(
    "LIVEKIT_HEALTH_INTERVAL_MS",
    integer(100, 600_000),
    30_000,
    "Between checks of the LiveKit server API.",
    { unit: "ms" },
  ),
  livekitRequestTimeoutMs: setting(
    "LIVEKIT_REQUEST_TIMEOUT_MS",
    integer(100, 120_000),
    5_000,
    "Limit of one server API call.",
    { unit: "ms" },
  ),
  livekitWsDebug: setting("LIVEKIT_WS_DEBUG", flag(), false, "Log worker messages, with secrets removed."),

  databaseUrl: setting("DATABASE_URL", postgresUrl, null, "PostgreSQL ≥ 14; without it an embedded one is started.", {
    secret: true,
  }),
  databasePoolSize: setting("DATABASE_POOL_SIZE", integer(2, 100), 10, "Connections to Postgres.", {
    unit: "connections",
  }),
  databaseConnectTimeoutMs: setting(
    "DATABASE_CONNECT_TIMEOUT_MS",
    integer(100, 120_000),
    10_000,
    "Limit of one connection attempt.",
    { unit: "ms" },
  ),
  statementTimeoutMs: setting(
    "DATABASE_STATEMENT_TIMEOUT_MS",
    integer(100, 600_000),
    15_000,
    "Limit of one statement.",
    { unit: "ms" },
  ),
  readTimeoutMs: setting(
    "DATABASE_READ_TIMEOUT_MS",
    integer(50, 600_000),
    3_000,
    "Limit of one statement of the dashboard's pages and lists.",
    { unit: "ms" },
  ),

  maxConcurrentJobs: setting("MAX_CONCURRENT_JOBS", integer(1, 10_000), 20, "Jobs that this instance runs at once.", {
    unit: "jobs",
  }),
  loadCalculator: setting(
    "GREENROOM_LOAD_CALCULATOR",
    oneOf("jobs", "weighted", "predictive"),
    "jobs",
    "What LiveKit is told as load: jobs; or weighted with CPU and memory; or its trend. An agent's own `load` wins.",
  ),
  maxCpuPercent: setting<number | null>(
    "GREENROOM_MAX_CPU_PERCENT",
    integer(1, 100),
    null,
    "No new jobs while more of the usable CPU is busy; no limit unless set.",
    { unit: "percent" },
  ),
  maxMemoryMb: setting<number | null>(
    "GREENROOM_MAX_MEMORY_MB",
    integer(128, 16_777_216),
    null,
    "No new jobs that would take Greenroom's processes beyond this; no limit unless set.",
    { unit: "MB" },
  ),
  maxProcesses: setting<number | null>(
    "GREENROOM_MAX_PROCESSES",
    integer(1, 100_000),
    null,
    "No new jobs beyond so many processes of agents, warm and spare ones included; no limit unless set.",
    { unit: "processes" },
  ),
  maxOpenFiles: setting<number | null>(
    "GREENROOM_MAX_OPEN_FILES",
    integer(64, 10_000_000),
    null,
    "No new jobs near so many open files and sockets of this process; no limit unless set.",
    { unit: "files" },
  ),
  warmSlots: setting("GREENROOM_WARM_SLOTS", integer(0, 100), 2, "Warm slots per agent that does not say otherwise.", {
    unit: "slots",
  }),
  maxWarmSlots: setting("GREENROOM_MAX_WARM_SLOTS", integer(0, 1_000), 8, "Warm slots of all agents together.", {
    unit: "slots",
  }),
  spareProcesses: setting(
    "GREENROOM_SPARE_PROCESSES",
    integer(0, 100),
    2,
    "Loaded processes without an agent, for cold starts and bursts.",
    { unit: "processes" },
  ),
  watchAgents: setting(
    "GREENROOM_WATCH_AGENTS",
    oneOf("auto", "1", "0"),
    "auto",
    "Take over changed agent files while running; auto: only under `deno task dev`.",
  ),
  maxCheckpointBytes: setting(
    "GREENROOM_MAX_CHECKPOINT_BYTES",
    integer(0, 1_000_000),
    1_000_000,
    "Largest checkpoint of a job.",
    { unit: "bytes" },
  ),
  inlineAgents: setting<string[] | null>(
    "GREENROOM_INLINE_AGENTS",
    agentNames,
    null,
    "Agents, joined by commas, that may run inside the control plane (isolation: inline).",
  ),
  jobMemoryLimitMb: setting(
    "GREENROOM_JOB_MEMORY_LIMIT_MB",
    integer(0, 1_048_576),
    1_024,
    "Resident memory of one job at which its process is killed, for agents that do not say; 0: none.",
    { unit: "MB" },
  ),
  jobHeapLimitMb: setting(
    "GREENROOM_JOB_HEAP_LIMIT_MB",
    integer(0, 1_048_576),
    0,
    "JavaScript heap of an agent's process, for agents that do not say; 0: what V8 takes by itself.",
    { unit: "MB" },
  ),
  processMaxJobs: setting(
    "GREENROOM_PROCESS_MAX_JOBS",
    integer(1, 1_000_000),
    200,
    "Jobs after which a process that holds several at a time (jobsPerProcess) is replaced.",
    { unit: "jobs" },
  ),
  processMaxGrowthMb: setting(
    "GREENROOM_PROCESS_MAX_GROWTH_MB",
    integer(1, 1_048_576),
    256,
    "Growth of memory after which such a process is replaced.",
    { unit: "MB" },
  ),
  minFreeMemoryMb: setting(
    "GREENROOM_MIN_FREE_MEMORY_MB",
    integer(0, 1_048_576),
    256,
    "Free memory below which only the warm slots asked for are kept; below half of it, none.",
    { unit: "MB" },
  ),
  slotStartTimeoutMs: setting(
    "GREENROOM_SLOT_START_TIMEOUT_MS",
    integer(500, 600_000),
    30_000,
    "Limit of loading and prewarming a slot.",
    { unit: "ms" },
  ),
  hostTimeoutMs: setting(
    "GREENROOM_HOST_TIMEOUT_MS",
    integer(100, 60_000),
    10_000,
    "Limit of loading an agent file in its host.",
    { unit: "ms" },
  ),
  validateTimeoutMs: setting(
    "GREENROOM_VALIDATE_TIMEOUT_MS",
    integer(10, 60_000),
    2_000,
    "Limit of validating metadata in an agent's host.",
    { unit: "ms" },
  ),
  connectTimeoutMs: setting(
    "GREENROOM_CONNECT_TIMEOUT_MS",
    integer(100, 600_000),
    10_000,
    "Limit of an agent's connect to its room.",
    { unit: "ms" },
  ),
  shutdownGraceMs: setting(
    "GREENROOM_SHUTDOWN_GRACE_MS",
    integer(0, 600_000),
    10_000,
    "Time for an agent's shutdown callbacks.",
    { unit: "ms" },
  ),
  aloneTimeoutMs: setting(
    "GREENROOM_ALONE_TIMEOUT_MS",
    integer(0, 604_800_000),
    300_000,
    "A job ends when no human was in its room for so long; 0: never. For agents that do not say.",
    { unit: "ms" },
  ),
  recoveryMaxAttempts: setting(
    "GREENROOM_RECOVERY_MAX_ATTEMPTS",
    integer(1, 1_000),
    3,
    "Jobs of a dispatch that may fail in a row, the first one counted: one that fails is run again in the same room. For agents that do not say.",
    { unit: "jobs" },
  ),
  recoveryMaxAgeMs: setting(
    "GREENROOM_RECOVERY_MAX_AGE_MS",
    integer(0, 604_800_000),
    3_600_000,
    "No job follows another one later than this after the first that failed in a row. For agents that do not say.",
    { unit: "ms" },
  ),
  recoveryStableMs: setting(
    "GREENROOM_RECOVERY_STABLE_MS",
    integer(0, 604_800_000),
    60_000,
    "A job that was ready for so long before it failed begins a new row of failures, so a long call is served however often its agent is lost; 0: all jobs of a dispatch are one row.",
    { unit: "ms" },
  ),
  breakerThreshold: setting(
    "GREENROOM_BREAKER_THRESHOLD",
    integer(0, 1_000),
    5,
    "Jobs of one agent that fail soon after their start, in a row, before no more are started for a while; 0: any number.",
    { unit: "jobs" },
  ),
  neverConnectedMs: setting(
    "GREENROOM_NEVER_CONNECTED_MS",
    integer(100, 600_000),
    10_000,
    "A job that has not connected to its room so long after its entry is flagged.",
    { unit: "ms" },
  ),
  neverReadyMs: setting(
    "GREENROOM_NEVER_READY_MS",
    integer(100, 3_600_000),
    30_000,
    "A connected job of an agent with explicit readiness that is not ready so long after is flagged.",
    { unit: "ms" },
  ),
  enteredTimeoutMs: setting(
    "GREENROOM_ENTERED_TIMEOUT_MS",
    integer(0, 3_600_000),
    60_000,
    "A job whose entry was not called so long after its assignment is stuck: it is ended and tried again; 0: never.",
    { unit: "ms" },
  ),
  connectedTimeoutMs: setting(
    "GREENROOM_CONNECTED_TIMEOUT_MS",
    integer(0, 86_400_000),
    60_000,
    "The same for one that has not connected to its room so long after its entry; 0: never.",
    { unit: "ms" },
  ),
  readyTimeoutMs: setting(
    "GREENROOM_READY_TIMEOUT_MS",
    integer(0, 86_400_000),
    120_000,
    "The same for one with explicit readiness that is not ready so long after connecting; 0: never.",
    { unit: "ms" },
  ),
  livekitAssignTimeoutMs: setting(
    "GREENROOM_LIVEKIT_ASSIGN_TIMEOUT_MS",
    integer(1_000, 60_000),
    3_500,
    "How long LiveKit may take to assign a dispatch that it is to place, before it waits in our own queue instead.",
    { unit: "ms" },
  ),
  drainTimeoutMs: setting(
    "GREENROOM_DRAIN_TIMEOUT_MS",
    integer(0, 86_400_000),
    3_600_000,
    "How long SIGTERM, or a drain that names no deadline, waits for running jobs.",
    { unit: "ms" },
  ),
  rtcLogs: setting("GREENROOM_RTC_LOGS", flag(), false, "Turn rtc-node's own logs on (slows every room)."),

  maxBodyBytes: setting("GREENROOM_MAX_BODY_BYTES", integer(1_024, 67_108_864), 262_144, "Largest request body.", {
    unit: "bytes",
  }),
  maxMetadataBytes: setting(
    "GREENROOM_MAX_METADATA_BYTES",
    integer(0, 524_288),
    65_536,
    "Largest metadata of a dispatch.",
    { unit: "bytes" },
  ),
  queueCapacity: setting("GREENROOM_QUEUE_CAPACITY", integer(1, 1_000_000), 1_000, "Waiting dispatches per agent.", {
    unit: "dispatches",
  }),
  bulkMaxItems: setting("GREENROOM_BULK_MAX_ITEMS", integer(1, 100_000), 10_000, "Items of one bulk operation.", {
    unit: "items",
  }),
  bulkItemsPerSecond: setting(
    "GREENROOM_BULK_ITEMS_PER_SECOND",
    integer(1, 200),
    10,
    "Pace of a bulk operation when it does not say its own.",
    { unit: "items" },
  ),
  rateGlobalPerSecond: setting(
    "GREENROOM_RATE_GLOBAL_PER_SECOND",
    integer(0, 100_000),
    100,
    "New dispatches that an instance takes, in the long run; 0: no limit. Further attempts are never limited.",
    { unit: "dispatches/s" },
  ),
  rateGlobalBurst: setting("GREENROOM_RATE_GLOBAL_BURST", integer(1, 100_000), 200, "New dispatches at once.", {
    unit: "dispatches",
  }),
  rateRoomPerSecond: setting(
    "GREENROOM_RATE_ROOM_PER_SECOND",
    integer(0, 100_000),
    10,
    "New dispatches for one room, in the long run; 0: no limit.",
    { unit: "dispatches/s" },
  ),
  rateRoomBurst: setting("GREENROOM_RATE_ROOM_BURST", integer(1, 100_000), 10, "New dispatches for one room at once.", {
    unit: "dispatches",
  }),
  rateKeyPerSecond: setting(
    "GREENROOM_RATE_KEY_PER_SECOND",
    integer(0, 100_000),
    0,
    "New dispatches of one API key, in the long run; 0: no limit.",
    { unit: "dispatches/s" },
  ),
  rateKeyBurst: setting(
    "GREENROOM_RATE_KEY_BURST",
    integer(1, 100_000),
    50,
    "New dispatches of one API key at once, when it is limited.",
    { unit: "dispatches" },
  ),
  claimPollMs: setting(
    "GREENROOM_CLAIM_POLL_MS",
    integer(10, 60_000),
    1_000,
    "Between looks at the queue when nothing wakes us.",
    { unit: "ms" },
  ),
  notify: setting(
    "GREENROOM_NOTIFY",
    flag(),
    true,
    "Instances tell each other of changes by Postgres' NOTIFY; 0 (behind a pooler in transaction mode): they only poll.",
  ),
  region: setting(
    "GREENROOM_REGION",
    optionalText,
    null,
    "Region of this instance: dispatches that name it prefer it.",
  ),
  zone: setting("GREENROOM_ZONE", optionalText, null, "Zone of this instance within its region, as it is shown."),
  regionGraceMs: setting(
    "GREENROOM_REGION_GRACE_MS",
    integer(0, 600_000),
    3_000,
    "How long a waiting dispatch is left to instances of its region before any other takes it.",
    { unit: "ms" },
  ),
  rulesPollMs: setting(
    "GREENROOM_RULES_POLL_MS",
    integer(100, 3_600_000),
    5_000,
    "Between looks at LiveKit's rooms for rules that no webhook told of.",
    { unit: "ms" },
  ),
  maxWaiters: setting("GREENROOM_MAX_WAITERS", integer(1, 100_000), 1_000, "Requests that long-poll at once.", {
    unit: "requests",
  }),
  maxLogLinesPerJob: setting(
    "GREENROOM_MAX_LOG_LINES_PER_JOB",
    integer(0, 1_000_000),
    5_000,
    "Kept log lines per job; more are counted.",
    { unit: "lines" },
  ),
  maxSseClients: setting(
    "GREENROOM_MAX_SSE_CLIENTS",
    integer(1, 100_000),
    2_000,
    "Streams of live updates at once.",
    { unit: "clients" },
  ),
  databaseSilenceMs: setting(
    "GREENROOM_DATABASE_SILENCE_MS",
    integer(100, 60_000),
    600,
    "A database that answers nothing for so long counts as away, and requests get 503 at once; more if it is always slow.",
    { unit: "ms" },
  ),
  databaseAwayMs: setting(
    "GREENROOM_DATABASE_AWAY_MS",
    integer(100, 60_000),
    2_000,
    "A change of a job that the database does not answer for so long goes to the spool on disk.",
    { unit: "ms" },
  ),
  spoolMaxBytes: setting(
    "GREENROOM_SPOOL_MAX_BYTES",
    integer(65_536, 10_737_418_240),
    268_435_456,
    "Largest spool: changes of jobs that wait on disk for the database.",
    { unit: "bytes" },
  ),
  retentionDays: setting(
    "GREENROOM_RETENTION_DAYS",
    integer(1, 3_650),
    30,
    "Days that transitions and job logs are kept.",
    { unit: "days" },
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
export type Config = { readonly [K in SettingName]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never };
