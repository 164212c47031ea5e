/** Why a call could not be joined, or ended, in words with a remedy. Pure: LiveKit's errors come in as plain facts. */
import type { AlertText } from "../Alert.tsx";

/** What is wrong before anything was tried; null: nothing. */
export function surroundingsProblem(page: { protocol: string }, livekitUrl: string): AlertText | null {
  if (page.protocol !== "https:" || !livekitUrl.startsWith("ws://")) return null;
  return {
    title: "This page may not connect to LiveKit",
    detail: `The page came over https, and browsers don't open ${livekitUrl}, which is not encrypted, from it.`,
    remedy: "Put TLS in front of LiveKit and set LIVEKIT_PUBLIC_URL to its wss:// address.",
  };
}

/** `kind`: what livekit-client calls the failure; `status`: LiveKit's HTTP status when it refused. */
export interface JoinFailure {
  kind: "not_allowed" | "unreachable" | "timeout" | "no_media_path" | "other";
  status: number | null;
  message: string;
}

export function joinProblem({ kind, status, message }: JoinFailure, url: string): AlertText {
  if (kind === "not_allowed") {
    return {
      title: "LiveKit did not let you in",
      detail: `${url} refused the token${status === null ? "" : ` (${status})`}: ${message}.`,
      remedy: "Check that LIVEKIT_API_KEY and LIVEKIT_API_SECRET are a pair of that server, and its clock.",
    };
  }
  if (kind === "no_media_path") {
    return {
      title: "LiveKit answers, but audio finds no way",
      detail: `The server at ${url} was reached, its media ports were not: ${message}.`,
      remedy: "Open its UDP port (and rtc.tcp_port) to this browser, or set rtc.node_ip to an address it can reach.",
    };
  }
  if (kind === "unreachable" || kind === "timeout") {
    return {
      title: "LiveKit can't be reached from this browser",
      detail: `${url} did not answer${kind === "timeout" ? " in time" : ""}: ${message}.`,
      remedy: "See that LiveKit runs; if browsers reach it by another address, set LIVEKIT_PUBLIC_URL to that.",
    };
  }
  return {
    title: "The room could not be joined",
    detail: `${message}.`,
    remedy: "Try again; the browser's console may tell more.",
  };
}

/** @param name of the DOMException with which the browser refused; "insecure": it offers no microphone at all. */
export function microphoneProblem(name: string, message: string): AlertText {
  if (name === "insecure") {
    return {
      title: "The browser gives this page no microphone",
      detail: "Microphones are for pages that came over https, or from this very machine.",
      remedy: "Open the dashboard over https, or by a tunnel as http://localhost. You can listen and send text anyway.",
    };
  }
  if (name === "NotAllowedError" || name === "SecurityError") {
    return {
      title: "The microphone is not allowed",
      detail: "This browser, or the system, does not let this page use it.",
      remedy: "Allow it in the address bar's site settings, then unmute. You can listen and send text anyway.",
    };
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return {
      title: "There is no microphone",
      detail: "The browser finds none on this machine.",
      remedy: "Plug one in, then unmute. You can listen and send text anyway.",
    };
  }
  if (name === "NotReadableError" || name === "AbortError") {
    return {
      title: "The microphone can't be opened",
      detail: `Another program holds it, or its driver failed: ${message}.`,
      remedy: "Close what else records, then unmute.",
    };
  }
  return {
    title: "The microphone could not be used",
    detail: `${name}: ${message}.`,
    remedy: "Try to unmute again. You can listen and send text anyway.",
  };
}

/** @param reason LiveKit's name of it, e.g. ROOM_DELETED; null: none was given. */
export function leftWords(reason: string | null): string {
  switch (reason) {
    case "CLIENT_INITIATED":
      return "You have left the room.";
    case "ROOM_DELETED":
    case "ROOM_CLOSED":
      return "The room was closed.";
    case "PARTICIPANT_REMOVED":
      return "You were removed from the room.";
    case "DUPLICATE_IDENTITY":
      return "Somebody else joined under your name.";
    case "SERVER_SHUTDOWN":
      return "LiveKit has shut down.";
    default:
      return `The connection to the room was lost${reason === null ? "" : ` (${reason})`}.`;
  }
}
