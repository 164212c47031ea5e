/** The figures beside the navigation, and how they are told. */
import { count } from "../format.ts";
import type { NavigationCounts } from "../../core/services/navigation_counts.ts";

export type Counts = NavigationCounts;
export type NoteKind = "live" | "rooms" | "workers" | "toRecover";

/** As many are counted; from there on it is "99+". */
const MAX_TO_RECOVER = 100;

export interface Note {
  text: string;
  /** The whole of it, for those who don't see the place it stands in. */
  words: string;
  isProblem: boolean;
}

/** Null: nothing to tell, or not known. */
export function noteOf(kind: NoteKind, { live, rooms, workers, toRecover }: Counts): Note | null {
  const plain = (text: string) => ({ text, words: text, isProblem: false });
  switch (kind) {
    case "live":
      return live === null ? null : plain(`${count(live)} live`);
    case "rooms":
      return rooms === null ? null : plain(count(rooms));
    case "workers":
      return workers === null ? null : plain(count(workers));
    case "toRecover": {
      if (toRecover === null || toRecover === 0) return null;
      const text = toRecover >= MAX_TO_RECOVER ? `${MAX_TO_RECOVER - 1}+` : count(toRecover);
      const noun = toRecover === 1 ? "dispatch" : "dispatches";
      return { text, words: `${text} ${noun} failed in the last hour and not retried`, isProblem: true };
    }
  }
}
