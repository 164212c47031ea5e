import assert from "node:assert/strict";
import { localServerConfig } from "../../../core/livekit/server_config.ts";

const SETTINGS = {
  port: 7880,
  udpPort: 7882,
  apiKey: "key",
  apiSecret: "0123456789abcdef0123456789abcdef",
  webhookUrl: "http://127.0.0.1:8000/livekit/webhook",
};

Deno.test("localServerConfig keeps HTTP and media on loopback and names no outside server", () => {
  const config = localServerConfig(SETTINGS);
  for (
    const line of [
      "port: 7880",
      'bind_addresses: ["127.0.0.1"]',
      "  udp_port: 7882",
      "  tcp_port: 0",
      '  ips: { includes: ["127.0.0.1/32"] }',
      "  node_ip: 127.0.0.1",
      "  enable_loopback_candidate: true",
      '  stun_servers: ["127.0.0.1:3478"]',
      'keys: { "key": "0123456789abcdef0123456789abcdef" }',
      'webhook: { api_key: "key", urls: ["http://127.0.0.1:8000/livekit/webhook"] }',
    ]
  ) assert.ok(config.split("\n").includes(line), line);
});

Deno.test("localServerConfig has no webhook section without a webhook URL", () => {
  assert.ok(!localServerConfig({ ...SETTINGS, webhookUrl: null }).includes("webhook"));
});

Deno.test("localServerConfig quotes keys so that none can change the structure", () => {
  const config = localServerConfig({ ...SETTINGS, apiKey: 'a": "b" }\nport: 1' });
  assert.equal(config.split("\n").filter((line) => line.startsWith("port:")).length, 1);
});

Deno.test("localServerConfig refuses a secret of less than 32 characters", () => {
  assert.throws(() => localServerConfig({ ...SETTINGS, apiSecret: "short" }), /fewer than 32/);
});
