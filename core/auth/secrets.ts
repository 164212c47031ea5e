/** Random secrets and their digests: what we keep is always the digest. */
import { hash, timingSafeEqual } from "node:crypto";

/** SHA-256 of the text, hex. Enough for secrets of 256 random bits; nothing here hashes passwords. */
export function digestOf(text: string): string {
  return hash("sha256", text, "hex");
}

/** Compares two digests in constant time. */
export function isSameDigest(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(new TextEncoder().encode(a), new TextEncoder().encode(b));
}

/** 32 random bytes, base64url. */
export function makeSecret(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({ alphabet: "base64url", omitPadding: true });
}
