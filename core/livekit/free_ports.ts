/** Free ports of 127.0.0.1. Another process can take one before it is used, so callers must be ready to ask again. */
import { createSocket } from "node:dgram";
import type { AddressInfo } from "node:net";

/** `preferred` when it is free, else any free one. */
export function findFreeTcpPort(preferred: number | null = null): number {
  for (const port of [...(preferred === null ? [] : [preferred]), 0]) {
    try {
      const listener = Deno.listen({ hostname: "127.0.0.1", port });
      listener.close();
      return listener.addr.port;
    } catch (error) {
      if (port === 0 || !(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("unreachable: port 0 returns or throws");
}

/** node:dgram, because Deno's own datagrams still are an unstable API. */
export function findFreeUdpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", () => {
      const { port } = socket.address() as AddressInfo;
      socket.close(() => resolve(port));
    });
  });
}
