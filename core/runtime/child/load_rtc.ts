/** Loads rtc-node from the one file that the control plane makes of it (rtc_bundle.ts). */
import { createRequire } from "node:module";

interface RtcBundle {
  install(standIns: Record<string, unknown>): void;
}

/** Throws when the file is not there or does not fit; rtc-node can then be imported as usual. */
export function loadRtc(bundleFile: string): void {
  const bundle: RtcBundle = createRequire(import.meta.url)(bundleFile);
  bundle.install({ pino: { pino: () => log } });
}

/** What rtc-node logs becomes a line of the job's log. (pino would print JSON, after loading worker threads and streams.) */
const log = {
  level: "info",
  child: () => log,
  trace: () => {},
  debug: () => {},
  info: tell((...said) => console.info(...said)),
  warn: tell((...said) => console.warn(...said)),
  error: tell((...said) => console.error(...said)),
  fatal: tell((...said) => console.error(...said)),
};

/** pino takes an object or an error first, and the text (with values to fill in) second. */
function tell(write: (...said: unknown[]) => void): (...said: unknown[]) => void {
  return (first, ...rest) => {
    if (typeof first === "string") write(`rtc-node: ${first}`, ...rest);
    else write(`rtc-node: ${rest[0] ?? ""}`, ...rest.slice(1), first);
  };
}
