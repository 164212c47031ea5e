/** API keys: compared as SHA-256 digests in constant time; the key itself is kept nowhere but in the operator's file. */
import { timingSafeEqual } from "node:crypto";

export type Role = "viewer" | "operator" | "admin";

/** Who is behind a request. */
export interface Principal {
  /** Name of the key, for history and audit. */
  name: string;
  role: Role;
}

export class ApiKeys {
  readonly #adminDigest: Uint8Array;

  private constructor(adminDigest: Uint8Array) {
    this.#adminDigest = adminDigest;
  }

  static async withAdminKey(key: string): Promise<ApiKeys> {
    return new ApiKeys(await digest(key));
  }

  /** The principal of an `Authorization: Bearer …` header, or null when there is none or the key is wrong. */
  async authenticate(authorization: string | null): Promise<Principal | null> {
    const given = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? "")?.[1];
    if (given === undefined) return null;
    return timingSafeEqual(await digest(given), this.#adminDigest) ? { name: "admin", role: "admin" } : null;
  }
}

/** 32 random bytes, base64url, with a prefix that secret scanners can find. */
export function makeApiKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const text = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `gr_${text}`;
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
