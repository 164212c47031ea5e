/** What the program made or chose itself where no setting was given; no secret's value. */
import type { MadeSettings } from "../config/effective_settings.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";

export function madeSettings({ livekit, dataDir }: { livekit: LivekitServer; dataDir: string }): MadeSettings {
  const ofServer = livekit.name === "local"
    ? {
      livekitUrl: { value: livekit.url, note: "the local server that this instance started" },
      livekitApiKey: { value: livekit.credentials().apiKey, note: `${dataDir}/livekit-api-key` },
      livekitApiSecret: { value: null, note: `${dataDir}/livekit-api-secret` },
    }
    : {};
  return {
    ...ofServer,
    livekitPublicUrl: { value: livekit.publicUrl, note: "as LIVEKIT_URL" },
    apiKey: { value: null, note: `${dataDir}/api-key` },
    databaseUrl: { value: null, note: "the embedded server that this instance started" },
  };
}
