/** The browser's entry module: brings the page's islands to life and takes over navigation where the page asks for it. */
import { type Attributes, options, type VNode } from "preact";
import { navigationProps } from "../links.ts";
import { startNavigation } from "./navigation.ts";
import { mountIslands, readPage } from "./page.ts";
import { findRanges } from "./range.ts";

const earlierHook = options.vnode;
options.vnode = (vnode: VNode<Attributes>) => {
  if (typeof vnode.type === "string") vnode.props = navigationProps(vnode.type, vnode.props, new URL(location.href));
  earlierHook?.(vnode);
};

mountIslands(await readPage(document), findRanges(document.body, "island"));
startNavigation();
