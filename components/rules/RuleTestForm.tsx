/** Which rules fit a room's name, before a caller finds out. */
import { plural } from "../format.ts";
import type { RuleTest, RuleView } from "./types.ts";

export function RuleTestForm({ test, rules }: { test: RuleTest | null; rules: readonly RuleView[] }) {
  return (
    <form
      method="get"
      action="/rules"
      class="flex flex-wrap items-center gap-3 border-b border-base-300 p-4"
      role="search"
    >
      <label class="font-semibold" for="test-room">Try a room's name</label>
      <input
        id="test-room"
        name="room"
        class="input min-w-40 flex-1"
        autocomplete="off"
        maxLength={256}
        placeholder="support-42"
        value={test?.room ?? ""}
      />
      <button type="submit" class="btn btn-quiet">Which rules fit?</button>
      {test && <p class="w-full" role="status">{testWords(test, rules)}</p>}
    </form>
  );
}

function testWords({ room, fitting }: RuleTest, rules: readonly RuleView[]): string {
  const fits = rules.filter(({ id }) => fitting.includes(id));
  if (fits.length === 0) return `No rule fits ${room}: no agent would come by a rule.`;
  const off = fits.filter(({ isEnabled }) => !isEnabled).length;
  const names = fits.map(({ name }) => name).join(", ");
  return `${plural(fits.length, "rule fits", "rules fit")} ${room}: ${names}.${
    off === 0 ? "" : ` ${off} of them off.`
  }`;
}
