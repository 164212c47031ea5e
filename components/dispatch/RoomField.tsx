/** A room by name: those that are there are suggested, a new one is welcome. Arrow keys choose, Escape closes. */
import { useState } from "preact/hooks";
import type { RoomChoice } from "./form_values.ts";

const MAX_SUGGESTIONS = 6;

interface Props {
  rooms: readonly RoomChoice[];
  value: string;
  error: string | undefined;
  onChange: (room: string) => void;
}

export function RoomField({ rooms, value, error, onChange }: Props) {
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const typed = value.trim();
  const matches: RoomChoice[] = rooms.filter(({ name }) => name.toLowerCase().includes(typed.toLowerCase()))
    .slice(0, MAX_SUGGESTIONS);
  if (typed !== "" && !rooms.some(({ name }) => name === typed)) matches.push({ name: typed, note: "new room" });
  const isShown = isOpen && matches.length > 0;
  const choose = (room: string) => {
    onChange(room);
    setOpen(false);
    setActive(-1);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") return setOpen(false);
    if (event.key === "Enter" && isShown && matches[active]) {
      event.preventDefault();
      return choose(matches[active].name);
    }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0 || matches.length === 0) return;
    event.preventDefault();
    setOpen(true);
    setActive((active + step + matches.length) % matches.length);
  };
  return (
    // The list lies over what follows: were it to push that down, a click there would miss when the list closes.
    <div class="relative">
      <label class="mb-1.5 block font-semibold" for="room">Room</label>
      <input
        id="room"
        name="room"
        class={`input w-full ${error === undefined ? "" : "border-error"}`}
        autocomplete="off"
        maxLength={256}
        placeholder="a room that is there, or a new name"
        role="combobox"
        aria-expanded={isShown}
        aria-controls="rooms"
        aria-autocomplete="list"
        aria-activedescendant={isShown && active >= 0 ? `room-${active}` : undefined}
        aria-invalid={error !== undefined}
        aria-describedby={error === undefined ? undefined : "room-error"}
        value={value}
        onInput={(event) => {
          onChange(event.currentTarget.value);
          setOpen(true);
          setActive(-1);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKey}
      />
      <ul
        id="rooms"
        role="listbox"
        aria-label="Rooms"
        hidden={!isShown}
        class="absolute inset-x-0 top-full z-20 mt-1 rounded-field border border-base-300 bg-base-100 p-1 shadow-overlay"
      >
        {matches.map(({ name, note }, index) => (
          <li
            key={name}
            id={`room-${index}`}
            role="option"
            aria-selected={index === active}
            class={`flex h-8 cursor-pointer items-center gap-2 rounded-selector px-2 hover:bg-hover ${
              index === active ? "bg-secondary font-semibold" : ""
            }`}
            onMouseDown={(event) => {
              event.preventDefault(); // the field keeps the focus, so that the list is still there when the click ends
              choose(name);
            }}
          >
            <span class="truncate">{name}</span>
            <span class="ml-auto text-xs font-normal text-muted">{note}</span>
          </li>
        ))}
      </ul>
      {error !== undefined && <p id="room-error" class="mt-1 text-xs text-failed">{error}</p>}
    </div>
  );
}
