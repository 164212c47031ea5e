import type { NoteKind } from "./counts.ts";

/** The pages, in the order of the navigation; groups are set apart by a line. */
export interface NavigationItem {
  href: string;
  title: string;
  icon: string;
  /** Key after `g` that goes there. */
  key: string;
  group: "look" | "act" | "study" | "end";
  /** The figure beside it. */
  note?: NoteKind;
}

export const NAVIGATION: readonly NavigationItem[] = [
  { href: "/", title: "Overview", icon: "i-overview", key: "o", group: "look" },
  { href: "/jobs", title: "Jobs", icon: "i-jobs", key: "j", group: "look", note: "live" },
  { href: "/rooms", title: "Rooms", icon: "i-rooms", key: "m", group: "look", note: "rooms" },
  { href: "/workers", title: "Workers", icon: "i-workers", key: "w", group: "look", note: "workers" },
  { href: "/dispatch", title: "Dispatch", icon: "i-dispatch", key: "d", group: "act" },
  { href: "/rules", title: "Rules", icon: "i-link", key: "u", group: "act" },
  { href: "/recover", title: "Recover", icon: "i-recover", key: "r", group: "act", note: "toRecover" },
  { href: "/charts", title: "Charts", icon: "i-charts", key: "c", group: "study" },
  { href: "/settings", title: "Settings", icon: "i-settings", key: "s", group: "end" },
];

/** Pages that a phone's bar shows; the others are behind "More". */
export const PHONE_PAGES = ["/", "/jobs", "/dispatch", "/recover"];

/** The item that a path belongs to: a dispatch's own page belongs to Jobs, a bulk operation's to Recover. */
export function currentItem(pathname: string): NavigationItem | null {
  const path = pathname.replace(/^\/dispatches\/.*/, "/jobs").replace(/^\/operations(\/.*)?$/, "/recover");
  return NAVIGATION.find(({ href }) => href === path || (href !== "/" && path.startsWith(`${href}/`))) ?? null;
}
