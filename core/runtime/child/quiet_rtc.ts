/**
 * Turns rtc-node's log capture off. rtc-node asks its native library to report every log line as an event, about 4,800
 * for one connect, each decoded in JavaScript and handed to every open room: it costs more than all other work of a
 * quiet room together. Measured with capture off: connect 55 instead of 85 ms, 34 instead of 43 MB per held job.
 *
 * The switch is the second argument of `livekitInitialize`, which rtc-node looks up on the CommonJS bindings when it
 * makes its client at the first use of any room or track: so this must run before that. A test counts log events on the
 * pinned version, since an upgrade may change this.
 */
import { createRequire } from "node:module";
import process from "node:process";

interface Bindings {
  livekitInitialize(onEvent: (event: Uint8Array) => void, captureLogs: boolean, sdkVersion: string): void;
}

export function quietRtc(): void {
  const bindings: Bindings = createRequire(import.meta.url)("@livekit/rtc-ffi-bindings");
  const initialize = bindings.livekitInitialize;
  bindings.livekitInitialize = (onEvent, _captureLogs, sdkVersion) => initialize(onEvent, false, sdkVersion);
}

/**
 * Sets what rtc-node reads from the environment, in its own way and natively; to be called before its first use.
 *
 * - NODE_ENV (unless set): else the JavaScript side writes debug lines to stdout.
 * - RUST_LOG (unless set): a failed connect is not reported on stderr; ConnectError tells the one who asked.
 * - PATH (of a process of its own): every connect runs `lsb_release` to tell LiveKit the name of the operating system, which takes about 8 ms of
 *   the 80 to ready. Without a PATH it reads /etc/os-release. Children may run no programs anyway.
 */
export function setRtcEnvironment({ hidesPath = true }: { hidesPath?: boolean } = {}): void {
  try {
    process.env.NODE_ENV ??= "production";
    process.env.RUST_LOG ??= "error,livekit_api::signal_client=off,livekit_ffi::server::room=off";
    if (hidesPath) process.env.PATH = "/nonexistent";
  } catch (error) {
    // Not permitted: a few lines are printed and a connect takes longer; nothing else depends on it.
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}
