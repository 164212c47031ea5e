import assert from "node:assert/strict";
import { createLogger } from "../../../core/lifecycle/logger.ts";
import { LogWriter } from "../../../core/runtime/log_writer.ts";
import { listJobDetails } from "../../../db/dispatch_history.ts";
import { type JobLogLine, listJobLogs } from "../../../db/job_logs.ts";
import { dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";
import { withProxiedDatabase } from "../../support/postgres_proxy.ts";

let postgres: TestPostgres;
let test: TestDatabase;
Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
  test = await postgres.createTestDatabase();
});
Deno.test.afterAll(async () => {
  await test.drop();
  await postgres.stop();
});

const logger = createLogger({ level: "error", format: "json", write: () => {} });

async function storedJobId(): Promise<string> {
  const instance = dispatchFixture(test.database);
  await instance.dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
  return instance.jobs.plans[0]?.key.jobId ?? "";
}

function line(jobId: string, message: string): JobLogLine {
  return { jobId, attempt: 1, level: "info", message, fields: null, at: new Date() };
}

async function messagesOf(jobId: string): Promise<string[]> {
  return (await listJobLogs(test.database, jobId, 0, 100)).map(({ message }) => message);
}

Deno.test("LogWriter keeps a job's first lines, counts the others with the job, and says whose lines were stored", async () => {
  const [loud, quiet] = [await storedJobId(), await storedJobId()];
  const logs = new LogWriter({ database: test.database, maxLinesPerJob: 3, logger });
  const told: string[][] = [];
  const stop = logs.onWritten((jobIds) => void told.push([...jobIds]));
  for (const message of ["1", "2", "3", "4", "5"]) logs.add(line(loud, message));
  logs.add(line(quiet, "one"));
  await logs.flush(loud);
  assert.deepEqual([await messagesOf(loud), await messagesOf(quiet)], [["1", "2", "3"], ["one"]]);
  const [details] = await listJobDetails(test.database, [loud]);
  assert.equal(details?.droppedLogLines, 2);
  assert.deepEqual(told, [[loud, quiet]]);
  stop();
  logs.add(line(quiet, "two"));
  await logs.flush();
  assert.equal(told.length, 1);
});

Deno.test("LogWriter keeps lines and counts while the database is away, and writes them in order when it is back", async () => {
  const jobId = await storedJobId();
  await withProxiedDatabase(test.connection, async (database, proxy) => {
    const logs = new LogWriter({ database, maxLinesPerJob: 2, logger });
    proxy.refuse();
    for (const message of ["1", "2", "3"]) logs.add(line(jobId, message));
    await logs.flush(jobId);
    assert.deepEqual(await messagesOf(jobId), []);
    proxy.restore();
    await logs.flush();
    assert.deepEqual(await messagesOf(jobId), ["1", "2"]);
    assert.equal((await listJobDetails(test.database, [jobId]))[0]?.droppedLogLines, 1);
  });
});
