import assert from "node:assert/strict";
import { childEnv, childFlags, DEFAULT_OS_PERMISSIONS } from "../../../core/runtime/child_permissions.ts";

const FOLDERS = { projectDir: "/srv/app", agentsDir: "/srv/agents", dataDir: "/srv/app/.greenroom" };
const SOCKET = "/tmp/run/child.sock";
const LIMITS = { socketPath: SOCKET, heapLimitMb: 0 };

Deno.test("childFlags allows no program, no write but to the channel, no download, and closes the data folder and .env", () => {
  const flags = childFlags(FOLDERS, DEFAULT_OS_PERMISSIONS, LIMITS);
  assert.ok(!flags.some((flag) => /^(-A|--allow-(all|run|import))/.test(flag)));
  assert.deepEqual(flags.filter((flag) => flag.startsWith("--allow-write")), [`--allow-write=${SOCKET}`]);
  assert.ok(flags.includes("--deny-read=/srv/app/.greenroom,/srv/app/.env"));
  assert.ok(flags.includes("--allow-ffi=/srv/app/node_modules"));
  for (const flag of ["--no-prompt", "--cached-only", "--frozen"]) assert.ok(flags.includes(flag));
});

Deno.test("childFlags narrows the network and widens reading as the agent says", () => {
  const flags = (net: boolean | string[]) => childFlags(FOLDERS, { net, env: [], read: ["/srv/models"] }, LIMITS);
  assert.ok(flags(true).includes("--allow-net"));
  assert.ok(flags(false).includes(`--allow-net=127.0.0.1,localhost,unix:${SOCKET}`));
  assert.ok(
    flags(["api.example.com:443"]).includes(`--allow-net=127.0.0.1,localhost,unix:${SOCKET},api.example.com:443`),
  );
  assert.ok(flags(true).includes(`--allow-read=/srv/app,/srv/agents,/srv/models,${SOCKET}`));
});

Deno.test("childFlags leaves V8's code cache, which all processes share, as good for children as for others", async () => {
  const flags = childFlags(FOLDERS, DEFAULT_OS_PERMISSIONS, { ...LIMITS, heapLimitMb: 256 });
  const v8Flag = flags.find((flag) => flag.startsWith("--v8-flags=")) ?? "";
  const tag = 'console.log((await import("node:v8")).cachedDataVersionTag())';
  const tagWith = async (args: string[]) => {
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", ...args, tag], stdin: "null" })
      .output();
    return new TextDecoder().decode(stdout);
  };
  assert.match(await tagWith([]), /^\d+\n$/);
  assert.equal(await tagWith([v8Flag]), await tagWith([]));
  assert.notEqual(await tagWith(["--v8-flags=--expose-gc"]), await tagWith([]));
});

Deno.test("childFlags refuses a path that would widen a list flag", () => {
  assert.throws(() => childFlags(FOLDERS, { net: true, env: [], read: ["/srv/a,/"] }, LIMITS), /contains a comma/);
  assert.throws(() => childFlags({ ...FOLDERS, dataDir: "/a,b" }, DEFAULT_OS_PERMISSIONS, LIMITS), /contains a comma/);
});

Deno.test("childEnv passes on what the agent lists, and never what is ours", () => {
  const ours = [
    "LIVEKIT_API_SECRET",
    "LIVEKIT_URL",
    "DATABASE_URL",
    "GREENROOM_API_KEY",
    "PGPASSWORD",
    "DENO_DIR",
    "LD_PRELOAD",
  ];
  const all: Record<string, string> = {
    PATH: "/bin",
    HOME: "/root",
    DENO_DIR: "/deno",
    OPENAI_API_KEY: "k",
    OTHER: "o",
  };
  for (const name of ours) all[name] ??= "hush";
  const { env, withheld } = childEnv((name) => all[name], ["OPENAI_API_KEY", "UNSET", ...ours]);
  assert.deepEqual(env, {
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    PATH: "/bin",
    HOME: "/root",
    DENO_DIR: "/deno",
    OPENAI_API_KEY: "k",
  });
  assert.deepEqual(withheld, ours);
});

Deno.test("childEnv derives Deno's cache when DENO_DIR is not set, because the child lacks what Deno derives it from", () => {
  if (Deno.build.os !== "linux") return;
  const cacheOf = (all: Record<string, string>) => childEnv((name) => all[name], []).env.DENO_DIR;
  assert.equal(cacheOf({ HOME: "/home/ada" }), "/home/ada/.cache/deno");
  assert.equal(cacheOf({ HOME: "/home/ada", XDG_CACHE_HOME: "/caches" }), "/caches/deno");
  assert.equal(cacheOf({}), undefined);
});
