import { Icon } from "../Icon.tsx";
import NavigationNote from "../../islands/NavigationNote.tsx";
import type { Counts } from "./counts.ts";
import { NAVIGATION, type NavigationItem, PHONE_PAGES } from "./navigation.ts";

const CELL = "grid place-content-center justify-items-center gap-1 text-xs";

/** The bar at the bottom of a phone: four pages and More, which opens without JavaScript. */
export function PhoneNavigation({ current, counts }: { current: NavigationItem | null; counts: Counts | null }) {
  const inBar = NAVIGATION.filter(({ href }) => PHONE_PAGES.includes(href));
  const others = NAVIGATION.filter(({ href }) => !PHONE_PAGES.includes(href));
  return (
    <nav
      aria-label="Main, small screen"
      class="fixed inset-x-0 bottom-0 z-30 grid h-16 auto-cols-fr grid-flow-col border-t border-base-300 bg-base-100 md:hidden"
    >
      {inBar.map((item) => (
        <a
          key={item.href}
          href={item.href}
          class={`${CELL} ${item === current ? "font-bold" : "text-muted"}`}
          aria-current={item === current ? "page" : "false"}
        >
          <span class="relative">
            <Icon name={item.icon} class="size-5" />
            {item.note === "toRecover" && <NavigationNote kind="toRecover" initial={counts} isSmall />}
          </span>
          {item.title}
        </a>
      ))}
      {others.length > 0 && (
        <details class="dropdown dropdown-top dropdown-end">
          <summary class={`${CELL} h-full list-none text-muted`}>
            <Icon name="i-menu" class="size-5" />More
          </summary>
          <ul class="dropdown-content z-40 mb-2 w-44 rounded-box border border-base-300 bg-base-100 p-2 shadow-overlay">
            {others.map((item) => (
              <li key={item.href}>
                <a
                  class="nav-item"
                  href={item.href}
                  aria-current={item === current ? "page" : "false"}
                >
                  <Icon name={item.icon} />
                  {item.title}
                </a>
              </li>
            ))}
          </ul>
        </details>
      )}
    </nav>
  );
}
