/** Marks links to the current page and to the pages above it; on the server, in islands and after client navigation. */
const CURRENT = { "aria-current": "page", "data-current": "true" };
const ANCESTOR = { "aria-current": "true", "data-ancestor": "true" };

/** The attributes that say where a link leads. */
export function linkAttributes(href: string, current: URL): Record<string, string> {
  if (!/^\/(?!\/)/.test(href)) return {};
  const target = new URL(href, current);
  const here = current.pathname.replace(/\/$/, "");
  const there = target.pathname.replace(/\/$/, "");
  if (here === there) return target.search === "" || target.search === current.search ? CURRENT : ANCESTOR;
  return here.startsWith(`${there}/`) ? ANCESTOR : {};
}

/** What an element's props become: links say where they lead, and a boolean `f-client-nav` becomes text. */
export function navigationProps<Props extends object>(type: string, props: Props, current: URL): Props {
  const { href, "f-client-nav": navigation } = props as { href?: unknown; "f-client-nav"?: unknown };
  const marksLink = type === "a" && typeof href === "string" && !("aria-current" in props);
  if (!marksLink && typeof navigation !== "boolean") return props;
  return {
    ...props,
    ...(marksLink ? linkAttributes(href, current) : {}),
    // Preact drops attributes that are false.
    ...(typeof navigation === "boolean" ? { "f-client-nav": String(navigation) } : {}),
  };
}
