import { count } from "../format.ts";
import { Empty } from "../Empty.tsx";
import { Panel } from "../Panel.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import { type BulkItemView, ITEM_STATES, type ItemState, type OperationData, operationHref } from "./types.ts";

/** What became of each item; the filter and the pages are links. */
export function ItemsPanel({ data }: { data: OperationData }) {
  const { operation, items, nextCursor, isFirstPage, filter } = data;
  const { id, counts, total } = operation;
  const choices: { state: ItemState | null; word: string; figure: number }[] = [
    { state: null, word: "all", figure: total },
    ...ITEM_STATES.map(({ state, word }) => ({ state, word, figure: counts[state] })),
  ];
  return (
    <Panel
      id="items"
      title="Results"
      class="panel overflow-hidden"
      aside={
        <span class="join max-w-full flex-wrap" role="group" aria-label="Show">
          {choices.map(({ state, word, figure }) => (
            <a
              key={word}
              class="btn btn-seg btn-xs join-item"
              href={operationHref(id, state)}
              aria-current={state === filter ? "true" : "false"}
            >
              {word} {count(figure)}
            </a>
          ))}
        </span>
      }
    >
      {items.length === 0
        ? <Empty title={filter === null ? "There are no more" : "None of them"} />
        : (
          <TableRegion label="Results">
            <thead>
              <tr>
                <th scope="col" class="num w-14 max-md:hidden">No.</th>
                <th scope="col">Result</th>
                <th scope="col">Room</th>
                <th scope="col" class="max-md:hidden">Agent</th>
                <th scope="col">New dispatch</th>
                <th scope="col">Reason</th>
              </tr>
            </thead>
            <tbody>{items.map((item) => <Row key={item.position} item={item} kind={operation.kind} />)}</tbody>
          </TableRegion>
        )}
      {(nextCursor !== null || !isFirstPage) && (
        <nav class="flex gap-2 border-t border-base-300 px-4 py-3" aria-label="Pages of the results">
          {!isFirstPage && <a class="btn btn-quiet btn-sm" href={operationHref(id, filter)}>First</a>}
          {nextCursor !== null && <a class="btn btn-quiet btn-sm" href={operationHref(id, filter, nextCursor)}>Next</a>}
        </nav>
      )}
    </Panel>
  );
}

function Row({ item, kind }: { item: BulkItemView; kind: string }) {
  const { position, state, dispatchId, agent, room, resultDispatchId, resultState, reason, code } = item;
  const shown = ITEM_STATES.find((each) => each.state === state);
  const name = room ?? dispatchId?.slice(-8) ?? "unknown";
  return (
    <tr>
      <td class="num text-faint max-md:hidden">{count(position + 1)}</td>
      <td>
        <State state={shown?.glyph ?? "unknown"} word={shown?.word ?? state} />
      </td>
      <td class="max-w-56 truncate" title={name}>
        {dispatchId === null || room === null
          ? name
          : <a class="row-link font-semibold" href={`/dispatches/${dispatchId}`}>{name}</a>}
      </td>
      <td class="max-md:hidden">{agent}</td>
      <td>
        {resultDispatchId !== null && resultState !== null
          ? (
            <a class="row-link" href={`/dispatches/${resultDispatchId}`} aria-label={`New dispatch, ${resultState}`}>
              <State state={resultState} />
            </a>
          )
          : (
            <span class="text-faint">
              {kind === "cancel" ? "none is made" : state === "waiting" ? "not yet" : "none"}
            </span>
          )}
      </td>
      <td class={`max-w-80 truncate ${state === "failed" ? "text-failed" : "text-muted"}`} title={reason ?? undefined}>
        {reason ?? code ?? ""}
      </td>
    </tr>
  );
}
