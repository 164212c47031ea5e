/** Rooms in which people hear nothing, with the seconds since: the only thing here that is loud. */
import { count, plural, splitDuration } from "../format.ts";
import { Icon } from "../Icon.tsx";
import { Unknown } from "../Unknown.tsx";
import { absenceWords, dispatchHref } from "./room_words.ts";
import type { RoomView } from "./types.ts";

interface Props {
  rooms: readonly RoomView[];
  nowMs: number;
  canOperate: boolean;
}

export function SilentPanel({ rooms, nowMs, canOperate }: Props) {
  return (
    <section
      class="panel overflow-hidden"
      data-state="silent"
      style="border-color: var(--c)"
      aria-labelledby="silent"
    >
      <div class="panel-head">
        <span style="color: var(--c)">
          <Icon name="st-silent" class="size-5" />
        </span>
        <h2 id="silent">{rooms.length === 1 ? "1 room is silent" : `${count(rooms.length)} rooms are silent`}</h2>
        <span class="text-muted">People are there, their agent is not.</span>
      </div>
      <ul class="divide-y divide-base-300">
        {rooms.map((room) => <SilentRoom key={room.name} room={room} nowMs={nowMs} canOperate={canOperate} />)}
      </ul>
    </section>
  );
}

function SilentRoom({ room, nowMs, canOperate }: { room: RoomView; nowMs: number; canOperate: boolean }) {
  const { name, silentSince, people, expected } = room;
  const missing = expected.filter(({ presence }) => presence !== "present");
  return (
    <li class="flex flex-wrap items-center gap-x-8 gap-y-3 p-4">
      <p class="w-32 flex-none">
        <b class="block text-2xl font-bold" style="color: var(--c)">
          {silentSince === null
            ? <Unknown why="since when is not known" />
            : <Figure ms={Math.max(0, nowMs - Date.parse(silentSince))} />}
        </b>
        <span class="text-xs text-muted">of dead air</span>
      </p>
      <div class="min-w-0 flex-1 basis-64 wrap-anywhere">
        <p class="font-semibold">
          {name} <span class="font-normal text-muted">{plural(people ?? 0, "person", "people")} there</span>
        </p>
        {missing.map((each) => (
          <p class="text-muted" key={each.dispatchId}>
            <a class="link-quiet" href={`/dispatches/${each.dispatchId}`}>{absenceWords(each)}</a>
          </p>
        ))}
      </div>
      {canOperate && <a class="btn btn-primary btn-sm" href={dispatchHref(room)}>Dispatch an agent here</a>}
    </li>
  );
}

function Figure({ ms }: { ms: number }) {
  if (ms >= 600_000) {
    return (
      <>
        {Math.floor(ms / 60_000)}
        <span class="unit">min</span>
      </>
    );
  }
  const { figure, unit } = splitDuration(Math.floor(ms / 1_000) * 1_000);
  return (
    <>
      {ms < 1_000 ? "0" : Number(figure)}
      <span class="unit">{ms < 1_000 ? "s" : unit}</span>
    </>
  );
}
