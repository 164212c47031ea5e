import { Icon } from "../Icon.tsx";
import { NAVIGATION, type NavigationItem } from "./navigation.ts";

/** Notes behind the names, by path: "46 live". Null: not known. */
export type NavigationNotes = Record<string, string | null>;

interface Props {
  current: NavigationItem | null;
  notes: NavigationNotes;
  /** How many groups of failed jobs want a look. */
  problems: number;
}

/** Named from 1280 px, a rail of icons from 768 px. */
export function SideNavigation({ current, notes, problems }: Props) {
  const items = (group: NavigationItem["group"]) =>
    NAVIGATION.filter((item) => item.group === group).map((item) => (
      <Item
        key={item.href}
        item={item}
        isCurrent={item === current}
        note={notes[item.href] ?? null}
        problems={item.href === "/recover" ? problems : 0}
      />
    ));
  return (
    <aside class="sticky top-0 hidden h-screen flex-col border-r border-base-300 px-2.5 pb-3 md:flex">
      <a
        href="/"
        class="flex h-14 items-center gap-2.5 px-2.5 text-base font-bold tracking-tight"
        aria-label="Greenroom"
        aria-current="false"
      >
        <Icon name="mark" class="size-5 flex-none" />
        <span class="hidden xl:inline">Greenroom</span>
      </a>
      <nav aria-label="Main" class="flex flex-1 flex-col gap-0.5">
        {items("look")}
        <div class="my-2 border-t border-base-300"></div>
        {items("act")}
        <div class="mt-auto"></div>
        {items("end")}
      </nav>
    </aside>
  );
}

function Item(
  { item, isCurrent, note, problems }: {
    item: NavigationItem;
    isCurrent: boolean;
    note: string | null;
    problems: number;
  },
) {
  return (
    <a class="nav-item relative" href={item.href} aria-current={isCurrent ? "page" : "false"} title={item.title}>
      <Icon name={item.icon} />
      <span class="sr-only xl:not-sr-only">{item.title}</span>
      {note !== null && <span class="n hidden xl:inline">{note}</span>}
      {problems > 0 && (
        <span
          class="state text-xs max-xl:absolute max-xl:top-0 max-xl:right-0 max-xl:gap-0 xl:ml-auto"
          data-state="attention"
        >
          <Icon name="st-attention" class="max-xl:size-3!" />
          <span class="max-xl:sr-only">{problems}</span>
        </span>
      )}
    </a>
  );
}
