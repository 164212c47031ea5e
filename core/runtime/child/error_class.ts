/** What an error of user code says about trying again (failure_class.ts). Pure; user code may throw anything. */
import type { FailureClass } from "../failure_class.ts";

export interface ErrorClass {
  class: FailureClass;
  /** Least time before the next attempt; only of retryable errors. */
  retryAfterMs?: number;
  /** What is wrong, nested fields joined by dots; only of validation errors. */
  field?: string;
}

const UNKNOWN: ErrorClass = { class: "unknown" };
const NETWORK: ErrorClass = { class: "network" };
/** Causes that are looked into. */
const MAX_DEPTH = 5;
/** Longer waits than this are not believed. */
const MAX_RETRY_AFTER_MS = 86_400_000;
const MAX_FIELD_CHARS = 256;

/** Of Deno.errors and the web's DOMException, and of rtc-node's connect. */
const NETWORK_NAMES = new Set([
  "AddrNotAvailable",
  "BrokenPipe",
  "ConnectError",
  "ConnectionAborted",
  "ConnectionLostError",
  "ConnectionRefused",
  "ConnectionReset",
  "HostUnreachable",
  "NetworkDown",
  "NetworkError",
  "NetworkUnreachable",
  "NotConnected",
  "TimedOut",
  "TimeoutError",
  "UnexpectedEof",
]);
/** As Node's sockets and resolver give them. */
const NETWORK_CODES = new Set([
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETRESET",
  "ENETUNREACH",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
]);
/** fetch tells a failed connection only by the text of its TypeError. */
const FETCH_FAILED = /^(fetch failed|error sending request)/i;

/** Errors are known by name, because an agent's package may bring another copy of their class. */
export function classifyError(error: unknown): ErrorClass {
  try {
    return classOf(error, 0);
  } catch {
    return UNKNOWN; // its properties throw when they are read
  }
}

function classOf(error: unknown, depth: number): ErrorClass {
  if (!(error instanceof Error) || depth === MAX_DEPTH) return UNKNOWN;
  const { name } = error;
  if (name === "RetryableError") return retryable((error as { retryAfterMs?: unknown }).retryAfterMs);
  if (name === "FatalError") return { class: "fatal" };
  if (name === "ValidationError") return validation((error as { field?: unknown }).field);
  const { code } = error as { code?: unknown };
  if (NETWORK_NAMES.has(name) || (typeof code === "string" && NETWORK_CODES.has(code))) return NETWORK;
  if (name === "TypeError" && FETCH_FAILED.test(error.message)) return NETWORK;
  return classOf(error.cause, depth + 1);
}

function retryable(retryAfterMs: unknown): ErrorClass {
  if (typeof retryAfterMs !== "number" || !(retryAfterMs > 0)) return { class: "retryable" };
  return { class: "retryable", retryAfterMs: Math.ceil(Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)) };
}

function validation(field: unknown): ErrorClass {
  return typeof field === "string" ? { class: "validation", field: field.slice(0, MAX_FIELD_CHARS) } : {
    class: "validation",
  };
}
