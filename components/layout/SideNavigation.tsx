import { Icon } from "../Icon.tsx";
import NavigationNote from "../../islands/NavigationNote.tsx";
import type { Counts } from "./counts.ts";
import { NAVIGATION, type NavigationItem } from "./navigation.ts";

interface Props {
  current: NavigationItem | null;
  /** The figures beside the names; null: not known. */
  counts: Counts | null;
}

/** Named from 1280 px, a rail of icons from 768 px. */
export function SideNavigation({ current, counts }: Props) {
  const items = (group: NavigationItem["group"]) =>
    NAVIGATION.filter((item) => item.group === group).map((item) => (
      <Item key={item.href} item={item} isCurrent={item === current} counts={counts} />
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
        <div class="my-2 border-t border-base-300"></div>
        {items("study")}
        <div class="mt-auto"></div>
        {items("end")}
      </nav>
    </aside>
  );
}

function Item({ item, isCurrent, counts }: { item: NavigationItem; isCurrent: boolean; counts: Counts | null }) {
  return (
    <a class="nav-item relative" href={item.href} aria-current={isCurrent ? "page" : "false"} title={item.title}>
      <Icon name={item.icon} />
      <span class="sr-only xl:not-sr-only">{item.title}</span>
      {item.note && <NavigationNote kind={item.note} initial={counts} />}
    </a>
  );
}
