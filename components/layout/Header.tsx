import type { ComponentChildren } from "preact";
import CommandPalette from "../../islands/CommandPalette.tsx";
import LiveBadge from "../../islands/LiveBadge.tsx";
import ThemeChoice from "../../islands/ThemeChoice.tsx";
import WallClock from "../../islands/WallClock.tsx";
import { Icon } from "../Icon.tsx";

interface Props {
  title: ComponentChildren;
  theme: string;
  /** Who is signed in; null: nobody. */
  account: { name: string; role: string; csrf: string } | null;
  now: string;
}

/** The same on every page: where one is, search, whether the page is live, the time, colours, account. */
export function Header({ title, theme, account, now }: Props) {
  return (
    <header class="sticky top-0 z-30 flex h-14 items-center gap-3 border-b border-base-300 bg-base-200/95 px-4 lg:px-6">
      <a href="/" class="md:hidden" aria-label="Greenroom, overview" aria-current="false">
        <Icon name="mark" class="size-5" />
      </a>
      {title}
      <div class="ml-auto flex items-center gap-2 lg:gap-3">
        <CommandPalette />
        <LiveBadge />
        <WallClock now={now} />
        <ThemeChoice initial={theme} />
        {account !== null && (
          <details class="dropdown dropdown-end max-sm:hidden">
            <summary
              class="btn btn-ghost btn-sm btn-square"
              aria-label="Account"
              title={`Signed in as ${account.name}`}
            >
              <Icon name="i-user" />
            </summary>
            <form
              method="post"
              action="/sign-out"
              class="dropdown-content z-40 mt-1 grid w-44 gap-2 rounded-box border border-base-300 bg-base-100 p-3 shadow-overlay"
            >
              <p>
                <b class="font-semibold">{account.name}</b> <span class="text-muted">{account.role}</span>
              </p>
              <input type="hidden" name="csrf" value={account.csrf} />
              <button type="submit" class="btn btn-quiet btn-sm">
                <Icon name="i-signout" />Sign out
              </button>
            </form>
          </details>
        )}
      </div>
    </header>
  );
}
