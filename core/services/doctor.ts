/** `deno task doctor`. */
import type { LoadedConfig } from "../config/config.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { ReadEnv } from "../runtime/child_permissions.ts";

export interface DoctorOptions {
  loaded: LoadedConfig;
  logger: Logger;
  projectDir: string;
  readEnv: ReadEnv;
}

export function runDoctor(_options: DoctorOptions): Promise<number> {
  return Promise.resolve(0);
}
