/**
 * What components import as `fresh/runtime`, on the server and in islands. Nothing here may reach server code: it goes
 * into browser bundles. On the server the render session recognises `Head` and `Partial` and does their work.
 */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { updateLiveHead } from "./head.ts";

export { asset, assetSrcSet } from "./asset.ts";
export { HttpError } from "./http_error.ts";

export const IS_BROWSER = typeof document !== "undefined";

/** Moves its children to `<head>`; in an island it updates the live head. */
export function Head({ children }: { children?: ComponentChildren }): null {
  useEffect(() => updateLiveHead(children));
  return null;
}

/** A part of a page that client navigation replaces. `name` is unique per page; not inside islands. */
export function Partial({ children }: { name: string; children?: ComponentChildren }): ComponentChildren {
  return children;
}
