/** Words for what makes the embedded PostgreSQL fail to start. */
import { explainDataDirError } from "../../core/lifecycle/data_dir.ts";
import { DatabaseError, type DatabaseErrorCode } from "../database_error.ts";

const SHOWN_LINES = 6;

/** Explains a failed initdb or postgres by what it wrote to standard error. */
export function explainOutput(what: string, lines: readonly string[]): DatabaseError {
  const text = lines.join("\n");
  if (/No space left on device|Disk quota exceeded/.test(text)) {
    return problem("disk_full", `${what}: the disk of the data directory is full.`, "Free some space and start again.");
  }
  if (/Permission denied|Read-only file system|Operation not permitted/.test(text)) {
    return problem(
      "not_writable",
      `${what}: its files are not accessible. ${tail(lines)}`,
      "Give the data directory to the user that runs Greenroom (chown -R), or set GREENROOM_DATA_DIR.",
    );
  }
  return problem("start_failed", `${what}: ${tail(lines)}`, "Act on what PostgreSQL says there, or set DATABASE_URL.");
}

/** Explains an error of the file system below `path`; gives every other error back as it is. */
export function explainFileError(path: string, error: unknown): unknown {
  if (error instanceof DatabaseError) return error;
  const explained = explainDataDirError(path, error);
  if (!(explained instanceof Error) || explained === error || !("remedy" in explained)) return error;
  const code = (explained as { code?: string }).code;
  return new DatabaseError({
    code: code === "disk_full" || code === "not_writable" ? code : "start_failed",
    message: explained.message,
    remedy: String(explained.remedy),
  }, { cause: error });
}

function problem(code: DatabaseErrorCode, message: string, remedy: string): DatabaseError {
  return new DatabaseError({ code, message, remedy });
}

function tail(lines: readonly string[]): string {
  return lines.length === 0 ? "it said nothing." : lines.slice(-SHOWN_LINES).join(" | ");
}
