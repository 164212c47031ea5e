/**
 * The strip above the table, always of one height: what is new, or what the selected can be told to do. That leads to the
 * bulk operation's preview, which confirms the count. Without JavaScript the table's own boxes are sent as they are.
 */
import { Icon } from "../Icon.tsx";
import { plural } from "../format.ts";
import { isEnded, type JobRow } from "./row.ts";
import { Time } from "../Time.tsx";

interface Props {
  rows: readonly JobRow[];
  selected: ReadonlySet<string>;
  newCount: number;
  frozenAt: number | null;
  canOperate: boolean;
  csrf: string;
  onClear: () => void;
  onShowNew: () => void;
}

export function ListBar({ rows, selected, newCount, frozenAt, canOperate, csrf, onClear, onShowNew }: Props) {
  const chosen = rows.filter(({ id }) => selected.has(id));
  const retriable = chosen.filter(isEnded);
  const cancellable = chosen.filter((row) => !isEnded(row));
  const fresh = newCount > 0 && (
    <button
      type="button"
      class={`btn btn-sm ${chosen.length > 0 ? "btn-inverse" : "btn-quiet"} ml-auto`}
      onClick={onShowNew}
    >
      <Icon name="i-up" />
      {newCount} new
    </button>
  );
  if (chosen.length === 0) {
    return (
      <div class="listbar" role="region" aria-label="List">
        <span class="min-w-0 truncate">{plural(rows.length, "dispatch", "dispatches")} shown, newest first</span>
        {canOperate && <PlainButtons csrf={csrf} />}
        {fresh}
      </div>
    );
  }
  return (
    <div class="listbar bulkbar" role="region" aria-label="Selected jobs">
      <span class="flex-none" aria-live="polite">
        <b>{chosen.length} selected</b>
      </span>
      {canOperate && (
        <>
          <BulkForm kind="retry" rows={retriable} csrf={csrf} label={`Retry ${plural(retriable.length, "job")}`} />
          {cancellable.length > 0 && (
            <BulkForm
              kind="cancel"
              rows={cancellable}
              csrf={csrf}
              label={`Cancel ${plural(cancellable.length, "job")}`}
            />
          )}
        </>
      )}
      <button
        type="button"
        class="btn btn-inverse btn-sm max-md:hidden"
        onClick={() => navigator.clipboard?.writeText(chosen.map(({ id }) => id).join("\n"))}
      >
        Copy {plural(chosen.length, "id")}
      </button>
      <button type="button" class="btn btn-inverse btn-sm" onClick={onClear}>Clear</button>
      {frozenAt !== null && (
        <span class="ml-auto flex-none text-xs opacity-85 max-xl:hidden">
          frozen at <Time at={new Date(frozenAt)} />
        </span>
      )}
      {fresh}
    </div>
  );
}

/** The form that the boxes of the table belong to (their attribute `form`). */
export const BOXES_FORM = "chosen";

/** Only without JavaScript: nobody counts what is ticked, the preview does. */
function PlainButtons({ csrf }: { csrf: string }) {
  return (
    <form id={BOXES_FORM} method="post" action="/operations/new" class="ml-auto hidden gap-2 noscript:flex">
      <input type="hidden" name="csrf" value={csrf} />
      <button type="submit" class="btn btn-quiet btn-sm" name="kind" value="retry">Retry the ticked</button>
      <button type="submit" class="btn btn-quiet btn-sm" name="kind" value="cancel">Cancel the ticked</button>
    </form>
  );
}

function BulkForm(
  { kind, rows, csrf, label }: { kind: "retry" | "cancel"; rows: readonly JobRow[]; csrf: string; label: string },
) {
  return (
    <form method="post" action="/operations/new">
      <input type="hidden" name="csrf" value={csrf} />
      <input type="hidden" name="kind" value={kind} />
      {rows.map(({ id }) => <input key={id} type="hidden" name="id" value={id} />)}
      <button
        type="submit"
        class={`btn btn-sm ${kind === "retry" ? "border-transparent bg-neutral-content text-neutral" : "btn-inverse"}`}
        disabled={rows.length === 0}
      >
        {label}
      </button>
    </form>
  );
}
