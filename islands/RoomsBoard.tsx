/** The live rooms: who is there, which agents are expected, and which callers hear nothing. */
import { Empty } from "../components/Empty.tsx";
import { count } from "../components/format.ts";
import { Panel } from "../components/Panel.tsx";
import { RoomsTable } from "../components/rooms/RoomsTable.tsx";
import { summaryOf } from "../components/rooms/room_words.ts";
import { SilentPanel } from "../components/rooms/SilentPanel.tsx";
import type { RoomBoard } from "../components/rooms/types.ts";
import { Time } from "../components/Time.tsx";
import { useLivePage, useNow } from "../components/live/use_live_page.ts";

const TOPICS = ["rooms", "dispatches"];
const SETTLE_MS = 200;
/** The server answers with a reading of at most this age. */
const STALE_MS = 2_000;

export default function RoomsBoard({ initial, canOperate }: { initial: RoomBoard; canOperate: boolean }) {
  const { data } = useLivePage(initial, "/rooms?as=data", TOPICS, { settleMs: SETTLE_MS, staleMs: STALE_MS });
  const nowMs = useNow(Date.parse(data.at));
  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
      {data.livekit === "reachable"
        ? <Reachable board={data} nowMs={nowMs} canOperate={canOperate} />
        : <Unreachable board={data} nowMs={nowMs} />}
    </div>
  );
}

interface ReachableProps {
  board: Extract<RoomBoard, { livekit: "reachable" }>;
  nowMs: number;
  canOperate: boolean;
}

function Reachable({ board, nowMs, canOperate }: ReachableProps) {
  const { rooms, total } = board;
  const silent = rooms.filter(({ state }) => state === "silent");
  return (
    <>
      <section class="panel flex flex-wrap items-center gap-x-8 gap-y-2 p-4" aria-label="Rooms in short">
        <p class="flex items-baseline gap-2">
          <b class="text-2xl font-bold">{count(total)}</b>
          <span class="text-base">{total === 1 ? "room is open" : "rooms are open"}</span>
        </p>
        <p class="min-w-0 flex-1 text-muted" aria-live="polite">{summaryOf(board)}</p>
      </section>
      {silent.length > 0 && <SilentPanel rooms={silent} nowMs={nowMs} canOperate={canOperate} />}
      <Panel
        id="rooms"
        title="Live rooms"
        class="panel overflow-hidden"
        aside={rooms.length < total ? `the ${count(rooms.length)} oldest of ${count(total)}` : "oldest first"}
      >
        {rooms.length === 0
          ? (
            <Empty title="No room is open">
              <p>A room opens when somebody joins it, or when an agent is dispatched to it.</p>
              {canOperate && (
                <p>
                  <a class="link-quiet" href="/dispatch">Dispatch an agent</a>
                </p>
              )}
            </Empty>
          )
          : <RoomsTable rooms={rooms} nowMs={nowMs} canOperate={canOperate} />}
      </Panel>
    </>
  );
}

function Unreachable({ board, nowMs }: { board: Extract<RoomBoard, { livekit: "unreachable" }>; nowMs: number }) {
  const { error, remedy, last } = board;
  return (
    <section class="panel" aria-labelledby="rooms" data-state="unknown">
      <div class="panel-head">
        <h2 id="rooms">The rooms are not known</h2>
      </div>
      <div class="grid gap-2 p-4 wrap-anywhere">
        <p>{error}</p>
        <p class="text-muted">
          <b class="font-semibold text-base-content">Remedy.</b> {remedy}
        </p>
        {last !== null && (
          <p class="text-muted">
            {count(last.total)} {last.total === 1 ? "room was" : "rooms were"} open when they were read last,{" "}
            <Time at={last.at} nowMs={nowMs} />. Calls that run may go on.
          </p>
        )}
      </div>
    </section>
  );
}
