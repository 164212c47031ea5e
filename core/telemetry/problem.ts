/** Something that is wrong right now, as the Overview shows it. */

type Severity = "error" | "warn";

export interface Problem {
  code: string;
  severity: Severity;
  /** What it is about: an agent's or an instance's name; null: all of Greenroom. */
  subject: string | null;
  message: string;
  remedy: string;
}

/** What a message repeats of a text that others wrote. */
export function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 300);
}
