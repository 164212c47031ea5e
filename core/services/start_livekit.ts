/** The LiveKit server to work with: LIVEKIT_URL, or one of our own on loopback. */
import type { Config } from "../config/settings.ts";
import type { DataDir } from "../lifecycle/data_dir.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Supervisor } from "../lifecycle/supervisor.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import { LocalLivekitServer } from "../livekit/local_server.ts";

export async function startLivekit(
  { config, dataDir, supervisor, logger, webhookUrl }: {
    config: Config;
    dataDir: DataDir;
    supervisor: Supervisor;
    logger: Logger;
    webhookUrl: () => string | null;
  },
): Promise<LivekitServer> {
  const { livekitUrl, livekitApiKey, livekitApiSecret, livekitPublicUrl } = config;
  if (livekitUrl !== null) {
    if (livekitApiKey === null || livekitApiSecret === null) {
      throw new Error("Cannot use LIVEKIT_URL without its key and secret");
    }
    const credentials = { apiKey: livekitApiKey, apiSecret: livekitApiSecret };
    return {
      name: "default",
      url: livekitUrl,
      publicUrl: livekitPublicUrl ?? livekitUrl,
      credentials: () => credentials,
    };
  }
  const apiKey = await dataDir.secret("livekit-api-key", () => `API${randomHex(8)}`);
  const apiSecret = await dataDir.secret("livekit-api-secret", () => randomHex(32));
  const server = new LocalLivekitServer({
    serverPath: config.livekitServerPath,
    dataDir: dataDir.path,
    buildTimeoutMs: config.livekitBuildTimeoutMs,
    apiKey,
    apiSecret,
    webhookUrl,
    logger,
  });
  await supervisor.add(server);
  return {
    name: "local",
    get url() {
      return server.url;
    },
    get publicUrl() {
      return livekitPublicUrl ?? server.url;
    },
    credentials: () => ({ apiKey, apiSecret }),
  };
}

function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}
