import { equal, match, notEqual, ok } from "node:assert/strict";
import { cp } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Builder } from "fresh/dev";

const fixture = fileURLToPath(new URL("./app/", import.meta.url));
const rootConfig = fileURLToPath(new URL("../../deno.json", import.meta.url));

async function withProject(work: (project: string) => Promise<void>): Promise<void> {
  const project = await Deno.realPath(await Deno.makeTempDir({ prefix: "fresh-build-" }));
  try {
    await cp(fixture, project, { recursive: true });
    await work(project);
  } finally {
    await Deno.remove(project, { recursive: true });
  }
}

const recordOf = async (project: string) => (await Deno.stat(`${project}/_fresh/build.json`)).mtime?.getTime();
const idOf = async (project: string) =>
  /"id": "(\w+)"/.exec(await Deno.readTextFile(`${project}/_fresh/server.js`))?.[1];

async function run(project: string, code: string): Promise<string> {
  await Deno.writeTextFile(`${project}/run.ts`, code);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", rootConfig, "run.ts"],
    cwd: project,
    env: { NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("Builder.build writes a server entry that answers with routes, islands and static files", async () => {
  await withProject(async (project) => {
    await new Builder({ root: project }).build();
    const output = await run(
      project,
      `import server from "./_fresh/server.js";
      const get = (path) => server.fetch(new Request("http://localhost" + path));
      for (const path of ["/items/7", "/api/v1/things", "/styles.css", "/with%20space.txt"]) {
        const response = await get(path);
        console.log(path, response.status, (await response.text()).length > 10);
      }
      const page = await get("/islands/slots");
      for (const [, src] of page.headers.get("link").matchAll(/<([^>]+)>/g)) console.log("chunk", (await get(src)).status);
      const html = await page.text();
      console.log(html.includes("fresh:island:0"));`,
    );
    match(output, /\/items\/7 200 true\n.*things 200 true\n.*css 200 true\n.*txt 200 true\n(chunk 200\n){3,}true\n$/);
  });
});

Deno.test("Builder.build leaves a current build alone, and replaces it when a file changed", async () => {
  await withProject(async (project) => {
    await new Builder({ root: project }).build();
    const [first, firstId] = [await recordOf(project), await idOf(project)];
    await Deno.utime(`${project}/static/styles.css`, new Date(), new Date());
    await new Builder({ root: project }).build();
    equal(await recordOf(project), first, "same contents, new times");
    const changes: [string, () => Promise<void>][] = [
      ["static file", () => Deno.writeTextFile(`${project}/static/styles.css`, "a {}")],
      [
        "island",
        () => Deno.writeTextFile(`${project}/islands/Row.tsx`, "export default function Row() { return <p />; }"),
      ],
      [
        "what an island imports",
        () => Deno.writeTextFile(`${project}/describe.ts`, "export const describe = () => '';"),
      ],
      [
        "new route",
        () => Deno.writeTextFile(`${project}/routes/fresh.ts`, "export const handler = () => new Response();"),
      ],
      ["removed output", () => Deno.remove(`${project}/_fresh/build.json`)],
    ];
    let last = first;
    for (const [what, change] of changes) {
      await change();
      await new Builder({ root: project }).build();
      notEqual(await recordOf(project), last, what);
      last = await recordOf(project);
    }
    notEqual(await idOf(project), firstId);
    const scripts = [...Deno.readDirSync(`${project}/_fresh/js`)].map(({ name }) => name);
    equal(scripts.filter((name) => name.startsWith("islands_Row-")).length, 1, "no old scripts");
  });
});

Deno.test("Builder.build writes once when several processes start at once", async () => {
  await withProject(async (project) => {
    const times = await Promise.all(Array.from({ length: 4 }, async () => {
      await new Builder({ root: project }).build();
      return await recordOf(project);
    }));
    equal(new Set(times).size, 1);
    ok(times[0] !== undefined);
  });
});

Deno.test("Builder.build needs no islands, no static files and no pages", async () => {
  const project = await Deno.realPath(await Deno.makeTempDir({ prefix: "fresh-api-" }));
  try {
    await Deno.mkdir(`${project}/routes/api`, { recursive: true });
    await Deno.writeTextFile(
      `${project}/routes/api/up.ts`,
      'export const handler = { GET: () => new Response("up") };',
    );
    await Deno.writeTextFile(
      `${project}/main.ts`,
      `import { App, staticFiles } from "fresh";
      export const app = new App().use(staticFiles()).fsRoutes();
      async function run() {
        const { Builder } = await import("fresh/dev");
        await new Builder({ root: import.meta.dirname }).build();
        const { default: server } = await import("./_fresh/server.js");
        console.log(await (await server.fetch(new Request("http://localhost/api/up"))).text());
      }
      if (import.meta.main) void run();`,
    );
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", rootConfig, "main.ts"],
      cwd: project,
    }).output();
    equal(new TextDecoder().decode(output.stdout), "up\n");
  } finally {
    await Deno.remove(project, { recursive: true });
  }
});

Deno.test("Builder.build says what is wrong with a module that does not bundle, and leaves no record", async () => {
  await withProject(async (project) => {
    await Deno.writeTextFile(`${project}/islands/Wrong.tsx`, 'import "./nowhere.ts"; export default () => null;');
    let message = "";
    await new Builder({ root: project }).build().catch((error) => message = String(error));
    match(message, /nowhere\.ts/);
    match(message, /Wrong\.tsx/);
  });
});
