/** Marks links to the current page and to the pages above it; on the server, in islands and after client navigation. */

export type LinkPlace = "current" | "ancestor" | null;

export function placeOfLink(href: string, current: URL): LinkPlace {
  if (!href.startsWith("/")) return null;
  const target = new URL(href, current);
  if (target.origin !== current.origin) return null;
  const here = withoutSlash(current.pathname);
  const there = withoutSlash(target.pathname);
  if (here === there) return target.search !== "" && target.search !== current.search ? "ancestor" : "current";
  return here.startsWith(`${there}/`) ? "ancestor" : null;
}

/** What an element's props become: links say where they lead, and a boolean `f-client-nav` becomes text. */
export function navigationProps<Props extends object>(type: string, props: Props, current: URL): Props {
  const { href, "f-client-nav": navigation } = props as { href?: unknown; "f-client-nav"?: unknown };
  const marksLink = type === "a" && typeof href === "string" && !("aria-current" in props);
  if (!marksLink && typeof navigation !== "boolean") return props;
  return {
    ...props,
    ...(marksLink ? linkAttributes(placeOfLink(href, current)) : {}),
    // Preact drops attributes that are false.
    ...(typeof navigation === "boolean" ? { "f-client-nav": String(navigation) } : {}),
  };
}

/** The attributes that say where a link leads. */
export function linkAttributes(place: LinkPlace): Record<string, string> {
  if (place === "current") return { "aria-current": "page", "data-current": "true" };
  if (place === "ancestor") return { "aria-current": "true", "data-ancestor": "true" };
  return {};
}

function withoutSlash(pathname: string): string {
  return pathname.replace(/\/$/, "");
}
