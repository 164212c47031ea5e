/** Child process of local_server_test.ts: starts a local LiveKit server, says its pid, and waits to be killed. */
import { silentLogger } from "../../core/lifecycle/logger.ts";
import { LocalLivekitServer } from "../../core/livekit/local_server.ts";
import { testServerProgram } from "./livekit.ts";

const dataDir = Deno.args[0];
if (dataDir === undefined) throw new Error("usage: livekit_holder.ts <data dir>");
const { signal } = new AbortController();
const server = new LocalLivekitServer({
  ...testServerProgram(),
  dataDir,
  apiKey: "key",
  apiSecret: "0123456789abcdef0123456789abcdef",
  preferredPort: null,
  logger: silentLogger,
});
await server.start(signal);
await Deno.stdout.write(new TextEncoder().encode(`${server.snapshot().pid}\n`));
await server.run(signal);
