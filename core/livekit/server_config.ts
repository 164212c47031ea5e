/**
 * The configuration of a local livekit-server: one node, loopback only, no outside service (livekit.md 7, tried on
 * 1.13.5). The server refuses unknown keys. Texts are written as JSON strings, which YAML understands.
 */
export interface LocalServerSettings {
  /** HTTP and WebSocket (TCP). */
  port: number;
  /** All media (UDP). */
  udpPort: number;
  apiKey: string;
  /** At least 32 characters. */
  apiSecret: string;
  /** Where the server reports rooms and participants; signed with `apiKey`. */
  webhookUrl: string | null;
}

const MIN_SECRET_CHARS = 32;

/** YAML text; holds the API secret. */
export function localServerConfig({ port, udpPort, apiKey, apiSecret, webhookUrl }: LocalServerSettings): string {
  if (apiSecret.length < MIN_SECRET_CHARS) {
    throw new Error(
      `Cannot configure the LiveKit server: its API secret has fewer than ${MIN_SECRET_CHARS} characters`,
    );
  }
  const lines = [
    `port: ${port}`,
    `bind_addresses: ["127.0.0.1"]`,
    `keys: { ${JSON.stringify(apiKey)}: ${JSON.stringify(apiSecret)} }`,
    `rtc:`,
    `  udp_port: ${udpPort}`,
    `  tcp_port: 0`, // ICE over TCP would listen on every interface
    `  ips: { includes: ["127.0.0.1/32"] }`,
    `  use_external_ip: false`,
    `  node_ip: 127.0.0.1`, // a picked one would add public STUN servers
    `  enable_loopback_candidate: true`, // else the media port does not bind loopback
    `  stun_servers: ["127.0.0.1:3478"]`, // replaces the public ones; nothing need listen there
    `room: { empty_timeout: 300, departure_timeout: 20 }`, // less than a reload of a page would close the room
    `agents: { target_load: 0.7 }`,
    `logging: { level: info, json: true }`,
  ];
  if (webhookUrl !== null) {
    lines.push(`webhook: { api_key: ${JSON.stringify(apiKey)}, urls: [${JSON.stringify(webhookUrl)}] }`);
  }
  return lines.join("\n") + "\n";
}
