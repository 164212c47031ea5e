/**
 * A LiveKit server that misbehaves on request, for what a real one can't be made to do: it speaks just enough HTTP and
 * WebSocket (RFC 6455) by hand that a test decides about each byte. Everything else is tested on the real server.
 */
import { RegisterWorkerResponse, ServerMessage, WorkerMessage, WorkerPong } from "@livekit/protocol";
import { eventually } from "./eventually.ts";

type WorkerBody = WorkerMessage["message"];

export interface FakeConnection {
  /** What the worker has sent. */
  readonly received: WorkerBody[];
  /** The worker's Authorization header. */
  readonly authorization: string;
  readonly isOver: boolean;
  /** Calls `listener` with each message from now on, as soon as it was read. */
  listen(listener: (message: WorkerBody) => void): void;
  send(message: ServerMessage["message"]): Promise<void>;
  /** One WebSocket frame with these bytes: opcode 2 = binary, 1 = text. */
  sendFrame(payload: Uint8Array, opcode?: number): Promise<void>;
  /** A close frame, then the end of the TCP connection. */
  close(code: number, reason: string): Promise<void>;
  /** The end of the TCP connection, without a goodbye. */
  cut(): void;
}

export interface FakeBehaviour {
  /** Answer the handshake, and an ordinary GET of /agent, with these HTTP statuses instead. */
  handshakeStatus?: number;
  probeStatus?: number;
  /** Value of the answers' Date header. */
  date?: Date;
  /** Acknowledge `register` (true). */
  isRegistering?: boolean;
  /** Answer WorkerPings (true). */
  isAnsweringPings?: boolean;
}

export interface FakeLivekit extends AsyncDisposable {
  /** ws://127.0.0.1:<port> */
  readonly url: string;
  readonly connections: FakeConnection[];
  /** Holds for connections made from now on. */
  behaviour: FakeBehaviour;
  /** The connection with this number, from 0, once its worker has registered. */
  registered(index?: number): Promise<FakeConnection>;
}

export function startFakeLivekit(behaviour: FakeBehaviour = {}): FakeLivekit {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const fake: FakeLivekit = {
    url: `ws://127.0.0.1:${listener.addr.port}`,
    connections: [],
    behaviour,
    registered: (index = 0) =>
      eventually(() => {
        const connection = fake.connections[index];
        return connection?.received.some((message) => message.case === "register") ? connection : null;
      }, { what: `registration ${index}` }),
    [Symbol.asyncDispose]: async () => {
      listener.close();
      for (const tcp of open) closeQuietly(tcp);
      await accepting;
    },
  };
  const accepting = (async () => {
    for await (const tcp of listener) {
      open.add(tcp);
      serve(tcp, fake).catch(() => {}).finally(() => {
        open.delete(tcp);
        closeQuietly(tcp);
      });
    }
  })();
  return fake;
}

async function serve(tcp: Deno.TcpConn, fake: FakeLivekit): Promise<void> {
  const reader = new ByteReader(tcp);
  const head = await reader.readHead();
  const behaviour = fake.behaviour; // what it is now holds for the whole connection
  const { handshakeStatus, probeStatus = 404, date = new Date() } = behaviour;
  const key = /sec-websocket-key: *(\S+)/i.exec(head)?.[1];
  if (key === undefined || handshakeStatus !== undefined) {
    const status = key === undefined ? probeStatus : handshakeStatus;
    await write(
      tcp,
      `HTTP/1.1 ${status} x\r\ndate: ${date.toUTCString()}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
    );
    return;
  }
  const digest = await crypto.subtle.digest(
    "SHA-1",
    new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`),
  );
  const accept = btoa(String.fromCharCode(...new Uint8Array(digest)));
  await write(
    tcp,
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  );
  await serveWebSocket(tcp, reader, { fake, behaviour }, /authorization: *(.*)\r/i.exec(head)?.[1] ?? "");
}

async function serveWebSocket(
  tcp: Deno.TcpConn,
  reader: ByteReader,
  { fake, behaviour }: { fake: FakeLivekit; behaviour: FakeBehaviour },
  authorization: string,
): Promise<void> {
  const state = { isOver: false };
  const listeners: ((message: WorkerBody) => void)[] = [];
  let written: Promise<unknown> = Promise.resolve();
  const connection: FakeConnection = {
    received: [],
    authorization,
    get isOver() {
      return state.isOver;
    },
    send: (message) => connection.sendFrame(new ServerMessage({ message }).toBinary()),
    listen: (listener) => void listeners.push(listener),
    sendFrame: (payload, opcode = 2) => {
      // One after another: a frame may take several writes.
      const sent = written.then(() => writeAll(tcp, frame(opcode, payload)));
      written = sent.catch(() => {}); // the sender is told
      return sent;
    },
    close: async (code, reason) => {
      await writeAll(tcp, frame(8, new Uint8Array([code >> 8, code & 255, ...new TextEncoder().encode(reason)])));
      closeQuietly(tcp);
    },
    cut: () => closeQuietly(tcp),
  };
  fake.connections.push(connection);
  try {
    for (;;) {
      const { opcode, payload } = await reader.readFrame();
      if (opcode === 8) return await connection.close(1000, "");
      if (opcode !== 2) continue;
      const { message } = WorkerMessage.fromBinary(payload);
      connection.received.push(message);
      for (const listener of listeners) listener(message);
      await answer(connection, message, behaviour);
    }
  } finally {
    state.isOver = true;
  }
}

async function answer(connection: FakeConnection, message: WorkerBody, behaviour: FakeBehaviour): Promise<void> {
  const { isRegistering = true, isAnsweringPings = true } = behaviour;
  if (message.case === "register" && isRegistering) {
    const value = new RegisterWorkerResponse({
      workerId: "AW_fake",
      serverInfo: { version: "0.0.0-fake", agentProtocol: 1 },
    });
    await connection.send({ case: "register", value });
  }
  if (message.case === "ping" && isAnsweringPings) {
    const value = new WorkerPong({ lastTimestamp: message.value.timestamp, timestamp: BigInt(Date.now()) });
    await connection.send({ case: "pong", value });
  }
}

/** Reads exact numbers of bytes; throws at the end of the stream. */
class ByteReader {
  #buffer = new Uint8Array(0);

  constructor(readonly tcp: Deno.TcpConn) {}

  async readHead(): Promise<string> {
    for (;;) {
      const text = new TextDecoder().decode(this.#buffer);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#buffer = this.#buffer.slice(end + 4);
        return text.slice(0, end + 2);
      }
      await this.#fill();
    }
  }

  /** RFC 6455 section 5.2; a client's frames are masked, and Deno's are never split. */
  async readFrame(): Promise<{ opcode: number; payload: Uint8Array }> {
    const [first = 0, second = 0] = await this.#take(2);
    let length = second & 127;
    if (length === 126) length = new DataView((await this.#take(2)).buffer).getUint16(0);
    else if (length === 127) length = Number(new DataView((await this.#take(8)).buffer).getBigUint64(0));
    const mask = await this.#take(4);
    const payload = (await this.#take(length)).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    return { opcode: first & 15, payload };
  }

  async #take(count: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#buffer.length < count) await this.#fill();
    const taken = this.#buffer.slice(0, count);
    this.#buffer = this.#buffer.slice(count);
    return taken;
  }

  async #fill(): Promise<void> {
    const chunk = new Uint8Array(65_536);
    const count = await this.tcp.read(chunk);
    if (count === null) throw new Deno.errors.UnexpectedEof();
    const joined = new Uint8Array(this.#buffer.length + count);
    joined.set(this.#buffer);
    joined.set(chunk.subarray(0, count), this.#buffer.length);
    this.#buffer = joined;
  }
}

function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const head = new DataView(new ArrayBuffer(10));
  head.setUint8(0, 0x80 | opcode);
  let headLength = 2;
  if (payload.length < 126) head.setUint8(1, payload.length);
  else if (payload.length < 65_536) {
    head.setUint8(1, 126);
    head.setUint16(2, payload.length);
    headLength = 4;
  } else {
    head.setUint8(1, 127);
    head.setBigUint64(2, BigInt(payload.length));
    headLength = 10;
  }
  const bytes = new Uint8Array(headLength + payload.length);
  bytes.set(new Uint8Array(head.buffer, 0, headLength));
  bytes.set(payload, headLength);
  return bytes;
}

function write(tcp: Deno.TcpConn, text: string): Promise<void> {
  return writeAll(tcp, new TextEncoder().encode(text));
}

async function writeAll(tcp: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await tcp.write(bytes.subarray(sent));
}

function closeQuietly(tcp: Deno.TcpConn): void {
  try {
    tcp.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error; // closed before
  }
}
