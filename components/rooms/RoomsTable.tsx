/** All live rooms, oldest first, so that no row moves when another room opens. */
import { count, plural } from "../format.ts";
import { Figure } from "../Figure.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import { Time } from "../Time.tsx";
import { absenceWords, dispatchHref, stateWords } from "./room_words.ts";
import type { ExpectedAgent, RoomParticipant, RoomView } from "./types.ts";

const KINDS: Record<RoomParticipant["kind"], string> = {
  standard: "person",
  sip: "person by phone",
  connector: "person by connector",
  agent: "agent",
  ingress: "ingress",
  egress: "recorder",
  bridge: "bridge",
  other: "other",
};

interface Props {
  rooms: readonly RoomView[];
  nowMs: number;
  canOperate: boolean;
}

export function RoomsTable({ rooms, nowMs, canOperate }: Props) {
  return (
    <TableRegion label="Rooms">
      <thead>
        <tr>
          <th scope="col">Room</th>
          <th scope="col">State</th>
          <th scope="col" class="max-md:hidden">Agents expected</th>
          <th scope="col" class="num max-md:hidden">People</th>
          <th scope="col" class="max-md:hidden">Who is there</th>
          <th scope="col" class="num max-md:hidden">Opened</th>
          {canOperate && (
            <th scope="col" class="num max-md:hidden">
              <span class="sr-only">Action</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {rooms.map((room) => <Row key={room.name} room={room} nowMs={nowMs} canOperate={canOperate} />)}
      </tbody>
    </TableRegion>
  );
}

function Row({ room, nowMs, canOperate }: { room: RoomView; nowMs: number; canOperate: boolean }) {
  const { name, openedAt, expected, people, participants } = room;
  return (
    <tr data-room={name} class="align-top">
      <td class="max-w-72 py-2!">
        <a
          class="row-link block truncate leading-6 font-semibold"
          href={`/jobs?q=${encodeURIComponent(`room:${name}`)}`}
          title={name}
        >
          {name}
        </a>
        <span class="text-xs text-muted md:hidden">
          {people === null ? "people not known" : plural(people, "person", "people")}
          {canOperate && (
            <>
              , <a class="link-quiet inline-block leading-6" href={dispatchHref(room)}>dispatch here</a>
            </>
          )}
        </span>
      </td>
      <td class="py-2!">
        <State {...stateWords(room)} />
        <div class="mt-1 text-xs md:hidden">
          {expected.map((each) => <Expected key={each.dispatchId} expected={each} />)}
        </div>
      </td>
      <td class="py-2! max-md:hidden">
        {expected.length === 0 && <span class="text-faint">none</span>}
        {expected.map((each) => <Expected key={each.dispatchId} expected={each} />)}
      </td>
      <td class="num py-2! max-md:hidden">
        <Figure value={people} why="who is in the room could not be read" />
      </td>
      <td class="py-2! max-md:hidden">
        {participants === null
          ? <span class="text-muted">{plural(room.participantCount, "participant")}, not read</span>
          : <Participants participants={participants} nowMs={nowMs} />}
      </td>
      <td class="num py-2! text-muted max-md:hidden">
        <Time at={openedAt} nowMs={nowMs} />
      </td>
      {canOperate && (
        <td class="num py-2! max-md:hidden">
          <a class="btn btn-quiet btn-xs" href={dispatchHref(room)}>
            Dispatch here
          </a>
        </td>
      )}
    </tr>
  );
}

const PRESENCE = {
  present: { state: "serving", word: "there" },
  starting: { state: "placed", word: "coming" },
  waiting: { state: "attention", word: "not there" },
  lost: { state: "failed", word: "lost" },
} as const;

function Expected({ expected }: { expected: ExpectedAgent }) {
  const { agent, dispatchId, presence } = expected;
  return (
    <span class="flex items-center gap-2" title={absenceWords(expected)}>
      <a class="row-link" href={`/dispatches/${dispatchId}`}>{agent}</a>
      <span class="text-xs">
        <State {...PRESENCE[presence]} />
      </span>
    </span>
  );
}

const NAMED = 3;

function Participants({ participants, nowMs }: { participants: readonly RoomParticipant[]; nowMs: number }) {
  if (participants.length === 0) return <span class="text-faint">nobody</span>;
  const names = participants.map(({ name, identity }) => name === "" ? identity : name);
  const rest = names.length - NAMED;
  return (
    <details>
      <summary class="max-w-80 cursor-pointer truncate">
        {names.slice(0, NAMED).join(", ")}
        {rest > 0 && `, ${count(rest)} more`}
      </summary>
      <ul class="mt-1 grid gap-1 pb-1">
        {participants.map(({ identity, name, kind, isHidden, joinedAt }) => (
          <li key={identity}>
            {name !== "" && name !== identity && <b class="mr-2 font-semibold">{name}</b>}
            <span class="id">{identity}</span>{" "}
            <span class="text-muted">
              {KINDS[kind]}
              {isHidden && ", hidden"}, joined <Time at={joinedAt} nowMs={nowMs} />
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
