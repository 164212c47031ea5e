/**
 * Which names this server answers to. A page of another site can have its own name resolve to our address (DNS
 * rebinding), and the browser then takes it for the same site; it cannot change the Host header that tells.
 *
 * On a loopback HOST only loopback names, HOST itself and GREENROOM_ALLOWED_HOSTS are answered, whatever the request
 * carries. On another HOST also any IP address (it can't be rebound; probes use it), and, as long as
 * GREENROOM_ALLOWED_HOSTS is not set, any name for requests that carry their own proof (an Authorization header, which no
 * page can add for us) or ask for nothing private (/health, /ready): so REST works behind any name at once, and the
 * dashboard once its name is listed.
 */
const HOST_HEADER = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i;

export class HostPolicy {
  readonly #isLoopback: boolean;
  readonly #names: ReadonlySet<string>;
  /** Null when there is no list. */
  readonly #listed: ReadonlySet<string> | null;

  constructor({ host, allowedHosts }: { host: string; allowedHosts: readonly string[] | null }) {
    this.#isLoopback = isLoopbackName(host);
    this.#listed = allowedHosts && new Set(allowedHosts.map(plainName));
    this.#names = new Set([plainName(host), ...(this.#listed ?? [])]);
  }

  /** @param needsNoName the request carries its own proof or asks for nothing private; see above. */
  allows(hostHeader: string | null, needsNoName: boolean): boolean {
    const name = hostNameOf(hostHeader);
    if (name === null) return false;
    if (isLoopbackName(name) || this.#names.has(name)) return true;
    if (this.#isLoopback) return false;
    return isIpAddress(name) || (this.#listed === null && needsNoName);
  }

  /** Whether GREENROOM_ALLOWED_HOSTS names it. */
  isListed(name: string): boolean {
    return this.#listed?.has(plainName(name)) ?? false;
  }
}

/** The name of a Host header, in lower case, without port and brackets; null when it is not one. */
export function hostNameOf(hostHeader: string | null): string | null {
  const name = HOST_HEADER.exec(hostHeader ?? "")?.[1];
  return name === undefined ? null : plainName(name);
}

export function isLoopbackName(name: string): boolean {
  return /^(localhost|::1|127(\.\d{1,3}){3})$/.test(plainName(name));
}

/** An address as the connection tells it, e.g. "127.0.0.1", "::1", "::ffff:127.0.0.1". */
export function isLoopbackAddress(address: string): boolean {
  return isLoopbackName(address.replace(/^::ffff:/i, ""));
}

function isIpAddress(name: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(name) || name.includes(":");
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}
