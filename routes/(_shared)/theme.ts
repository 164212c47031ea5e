const THEMES = new Set(["greenroom-light", "greenroom-dark"]);

/** The colours that this browser chose; "": as its system. */
export function themeOf(request: Request): string {
  const value = /(?:^|;\s*)theme=([a-z-]+)/.exec(request.headers.get("cookie") ?? "")?.[1] ?? "";
  return THEMES.has(value) ? value : "";
}
