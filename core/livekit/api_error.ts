/** Failures of the LiveKit server API, told apart by what one can do about them. No message holds a secret. */

export type LivekitApiErrorKind = "unreachable" | "unauthorized" | "not_found" | "invalid" | "timeout" | "server";

const REMEDIES: Record<LivekitApiErrorKind, string> = {
  unreachable: "check that the LiveKit server runs and that LIVEKIT_URL is its address as seen from this machine",
  unauthorized:
    "check that LIVEKIT_API_KEY and LIVEKIT_API_SECRET are a pair in the server's `keys:` and that both clocks agree",
  not_found: "check the name or id: the room, participant or dispatch may be gone",
  invalid: "correct the request as the message says",
  timeout: "check the server's load and the network; LIVEKIT_REQUEST_TIMEOUT_MS is the limit",
  server: "look into the LiveKit server's log; the call may succeed later",
};

export class LivekitApiError extends Error {
  override name = "LivekitApiError";
  readonly kind: LivekitApiErrorKind;
  /** HTTP status, when the server answered. */
  readonly status: number | null;
  /** The Twirp error code, e.g. "not_found", when the server sent one. */
  readonly code: string | null;
  readonly remedy: string;

  constructor(
    kind: LivekitApiErrorKind,
    message: string,
    answer: { status?: number; code?: string; cause?: unknown } = {},
  ) {
    super(message, answer.cause === undefined ? {} : { cause: answer.cause });
    this.kind = kind;
    this.status = answer.status ?? null;
    this.code = answer.code ?? null;
    this.remedy = REMEDIES[kind];
  }
}

const KIND_BY_STATUS: Readonly<Record<number, LivekitApiErrorKind>> = {
  401: "unauthorized",
  403: "unauthorized",
  404: "not_found",
};
const MAX_MESSAGE_CHARS = 500;

/**
 * The error for an HTTP answer that is not 200. Twirp answers `{ code, msg }` (twitchtv.github.io/twirp, errors). The
 * body of a 401 is not used: livekit-server 1.13.5 repeats the whole token in it.
 */
export function errorFromAnswer(method: string, status: number, body: string): LivekitApiError {
  const kind = KIND_BY_STATUS[status] ?? (status >= 500 ? "server" : "invalid");
  if (kind === "unauthorized") {
    return new LivekitApiError(kind, `LiveKit refused ${method}: key, secret or clock is wrong (HTTP ${status})`, {
      status,
    });
  }
  const twirp = parseTwirpError(body);
  // Without a Twirp body it was not LiveKit that said 404, e.g. a proxy or a wrong path in the URL.
  if (kind === "not_found" && !twirp) {
    return new LivekitApiError("unreachable", `No LiveKit server answers ${method} at this URL (HTTP 404)`, { status });
  }
  const said = (twirp?.msg ?? "no reason given").slice(0, MAX_MESSAGE_CHARS);
  return new LivekitApiError(kind, `LiveKit answered ${method} with HTTP ${status}: ${said}`, {
    status,
    ...(twirp && { code: twirp.code }),
  });
}

/** The error for a call that got no answer. */
export function errorFromFailure(
  method: string,
  error: unknown,
  { isTimeout, timeoutMs }: { isTimeout: boolean; timeoutMs: number },
): LivekitApiError {
  if (isTimeout) {
    return new LivekitApiError("timeout", `LiveKit did not answer ${method} within ${timeoutMs} ms`, { cause: error });
  }
  return new LivekitApiError(
    "unreachable",
    `The LiveKit server can't be reached for ${method}: ${describeFailure(error)}`,
    {
      cause: error,
    },
  );
}

/** What went wrong with a fetch: its own message says "fetch failed", only the cause names DNS, TCP or TLS. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** Whether trying again may help (mission.md D5). A timeout has used up the caller's time and is not tried again. */
export function isRetryableApiError(error: unknown): boolean {
  return error instanceof LivekitApiError &&
    (error.kind === "server" || (error.kind === "unreachable" && error.status === null));
}

function parseTwirpError(body: string): { code: string; msg: string } | null {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== "object" || parsed === null) return null;
    const { code, msg } = parsed as Record<string, unknown>;
    return typeof code === "string" && typeof msg === "string" ? { code, msg } : null;
  } catch {
    return null; // not JSON: not Twirp's answer, which is what the caller asks
  }
}
