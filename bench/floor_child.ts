/**
 * The floor: a warm process with rtc-node as it comes (its log capture on, nothing primed) that, when told, mints a token,
 * connects and sends one data packet. One line of JSON in, one out; used once, like a slot.
 */
import { Room } from "@livekit/rtc-node";
import { AccessToken } from "livekit-server-sdk";

/** As in floor.ts, which is not imported: the floor loads nothing else. */
const LINE_START = "\u0002";

async function readLine(): Promise<string> {
  const buffer = new Uint8Array(4_096);
  const length = await Deno.stdin.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, length ?? 0));
}

console.log(`${LINE_START}warm`);
const { url, apiKey, apiSecret, room: name } = JSON.parse(await readLine());
const startedAtMs = performance.now();
const token = new AccessToken(apiKey, apiSecret, { identity: crypto.randomUUID() });
token.addGrant({ roomJoin: true, room: name });
const room = new Room();
await room.connect(url, await token.toJwt(), { autoSubscribe: true, dynacast: false });
const connectedMs = performance.now() - startedAtMs;
await room.localParticipant?.publishData(new Uint8Array([1]), { reliable: true, topic: "floor" });
console.log(LINE_START + JSON.stringify({ connectedMs, sentMs: performance.now() - startedAtMs }));
await room.disconnect();
Deno.exit(0);
