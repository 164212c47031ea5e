/** URLs of static files that name the build, so that browsers may keep them for ever. Runs on the server and in islands. */
export const BUILD_PARAM = "__fresh_build";

/** The build of the app (server) or of the page (browser). */
export const currentBuild: { id: string | null } = { id: null };

/** `path` with the build id in its query; other origins, relative paths and URLs that already carry one stay as they are. */
export function asset(path: string): string {
  if (currentBuild.id === null || !/^\/(?!\/)/.test(path) || path.includes(`${BUILD_PARAM}=`)) return path;
  const [, base = "", query = "", hash = ""] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(path) ?? [];
  return `${base}${query === "" ? "?" : `${query}&`}${BUILD_PARAM}=${currentBuild.id}${hash}`;
}

/** `asset` for each URL of a `srcset`. */
export function assetSrcSet(srcset: string): string {
  return srcset.replace(/(^|,)(\s*)([^\s,]+)/g, (_, comma, space, url) => comma + space + asset(url));
}
