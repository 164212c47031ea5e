/**
 * Does once, while nobody waits, what the first connect of a process would otherwise pay for (about 20 ms): native
 * threads, codecs and the WebRTC factory by making a track, TLS and WebSocket code by connecting to a listener of our
 * own on loopback that refuses. Nothing leaves the machine.
 */
import { AudioSource, LocalAudioTrack, Room } from "@livekit/rtc-node";

const PRIME_LIMIT_MS = 2_000;

/** Never fails: a process that can't be primed is only slower. Gives the reason then, else null. */
export async function primeRtc(): Promise<string | null> {
  try {
    const source = new AudioSource(48_000, 1);
    await LocalAudioTrack.createAudioTrack("prime", source).close();
    await connectToNobody();
    return null;
  } catch (error) {
    return `Priming failed: ${error instanceof Error ? error.message : error}`;
  }
}

async function connectToNobody(): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const refusing = refuseAll(listener);
  const timer = setTimeout(() => listener.close(), PRIME_LIMIT_MS);
  try {
    const room = new Room();
    // Options of the native library that rtc-node's type does not list. A single peer connection is made, with its
    // offer, before the connect (a job's two are made after): so that code runs here too.
    const options = { autoSubscribe: false, dynacast: false, joinRetries: 0, singlePeerConnection: true };
    await room.connect(`ws://127.0.0.1:${listener.addr.port}`, "prime", options).catch(() => {/* as it should */});
  } finally {
    clearTimeout(timer);
    try {
      listener.close();
    } catch {
      // The time limit has closed it.
    }
    await refusing;
  }
}

async function refuseAll(listener: Deno.TcpListener): Promise<void> {
  for await (const connection of listener) {
    try {
      await connection.read(new Uint8Array(4_096));
      await connection.write(new TextEncoder().encode("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
    } finally {
      connection.close();
    }
  }
}
