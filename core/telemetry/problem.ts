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
