/** All rules, oldest first, which is the order in which they act; each can be edited, turned off and deleted. */
import { AskInRow } from "../Ask.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import { attributeLines } from "./form_values.ts";
import type { RuleTest, RuleView } from "./types.ts";

interface Props {
  rules: readonly RuleView[];
  test: RuleTest | null;
  csrf: string;
  canOperate: boolean;
}

export function RulesTable({ rules, test, csrf, canOperate }: Props) {
  return (
    <TableRegion label="Rules">
      <thead>
        <tr>
          <th scope="col">Rule</th>
          <th scope="col">Agent</th>
          <th scope="col">Rooms</th>
          <th scope="col" class="max-md:hidden">When</th>
          <th scope="col">State</th>
          {test && <th scope="col">Fits</th>}
          {canOperate && (
            <th scope="col">
              <span class="sr-only">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {rules.map((rule) => (
          <tr key={rule.id} data-rule={rule.name} class="align-top">
            <td class="py-2! font-semibold">{rule.name}</td>
            <td class="py-2!">{rule.agent}</td>
            <td class="py-2!">
              <code class="id">{rule.roomPattern}</code>
            </td>
            <td class="py-2! text-muted max-md:hidden">{conditionWords(rule)}</td>
            <td class="py-2!">
              {rule.isEnabled ? <State state="serving" word="on" /> : <State state="cancelled" word="off" />}
            </td>
            {test && <td class="py-2!">{test.fitting.includes(rule.id) ? <b class="font-semibold">yes</b> : "no"}</td>}
            {canOperate && (
              <td class="num py-2!">
                <Actions rule={rule} csrf={csrf} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </TableRegion>
  );
}

function Actions({ rule: { id, name, isEnabled }, csrf }: { rule: RuleView; csrf: string }) {
  return (
    <div class="flex items-start justify-end gap-2">
      <a class="btn btn-quiet btn-xs" href={`/rules?edit=${id}#edit`} aria-label={`Edit ${name}`}>Edit</a>
      <form method="post" action="/rules">
        <input type="hidden" name="csrf" value={csrf} />
        <input type="hidden" name="action" value={isEnabled ? "disable" : "enable"} />
        <input type="hidden" name="id" value={id} />
        <button type="submit" class="btn btn-quiet btn-xs" aria-label={`Turn ${name} ${isEnabled ? "off" : "on"}`}>
          {isEnabled ? "Turn off" : "Turn on"}
        </button>
      </form>
      <AskInRow id={`delete-${id}`} verb="Delete" name={name} action="/rules" fields={{ csrf, action: "delete", id }}>
        Rooms that start from now on no longer get an agent by {name}. Calls that it began go on.
      </AskInRow>
    </div>
  );
}

const KIND_WORDS: Record<string, string> = {
  standard: "a person",
  sip: "a person by phone",
  ingress: "an ingress",
  connector: "a person by connector",
};

function conditionWords({ event, participantKind, participantAttributes }: RuleView): string {
  if (event === "room_started") return "the room starts";
  const who = participantKind === null ? "anybody" : KIND_WORDS[participantKind] ?? participantKind;
  const having = attributeLines(participantAttributes ?? {});
  return `${who} joins${having.length === 0 ? "" : ` with ${having.join(", ")}`}`;
}
