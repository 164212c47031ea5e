/** URLs of static files that name the build, so that browsers may keep them for ever. Runs on the server and in islands. */

export const BUILD_PARAM = "__fresh_build";

/** The build of the render under way (server) or of the page (browser). */
export const currentBuild: { id: string | null } = { id: null };

/** `path` with the build id in its query; other origins, relative paths and URLs that already carry one stay as they are. */
export function asset(path: string): string {
  if (currentBuild.id === null || !path.startsWith("/") || path.startsWith("//")) return path;
  const [, base = "", query = "", hash = ""] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(path) ?? [];
  if (query.includes(`${BUILD_PARAM}=`)) return path;
  return `${base}${query === "" ? "?" : `${query}&`}${BUILD_PARAM}=${currentBuild.id}${hash}`;
}

/** `asset` for each URL of a `srcset`. */
export function assetSrcSet(srcset: string): string {
  return srcset.split(",").map((part) => {
    const [, lead = "", url = "", rest = ""] = /^(\s*)(\S+)(.*)$/s.exec(part) ?? [];
    return url === "" ? part : lead + asset(url) + rest;
  }).join(",");
}
