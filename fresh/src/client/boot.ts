/** The browser's entry module: brings the page's islands to life and takes over navigation where the page asks for it. */
import { type Attributes, options, type VNode } from "preact";
import { navigationProps } from "../links.ts";
import { startNavigation } from "./navigation.ts";
import { findRoots, mountIsland, readPage } from "./page.ts";

const earlierHook = options.vnode;
options.vnode = (vnode: VNode<Attributes>) => {
  if (typeof vnode.type === "string") vnode.props = navigationProps(vnode.type, vnode.props, new URL(location.href));
  earlierHook?.(vnode);
};

const page = await readPage(document);
for (const root of findRoots(document.body)) mountIsland(page, root);
startNavigation();
