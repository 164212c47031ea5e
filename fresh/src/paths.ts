/** Joins paths and patterns: one slash in front, none at the end. */
export function joinPath(...parts: string[]): string {
  return "/" + parts.join("/").split("/").filter((segment) => segment !== "").join("/");
}

/** The level of a path, "" for the root. A trailing "*" says "and below", which a level means anyway. */
export function levelOf(...parts: string[]): string {
  return joinPath(...parts).replace(/\/\*?$/, "");
}
