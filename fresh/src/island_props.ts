/** Island props on their way to the browser. Kinds that would arrive broken are refused here, with the path to the value. */
import { Signal } from "@preact/signals";
import { DevalueError, stringify } from "devalue";
import { type ComponentChildren, isValidElement, type VNode } from "preact";
import type { PageState } from "./markers.ts";

/** A prop that the server renders and the browser adopts from the document; `isShown` once an island has rendered it. */
export class SlotContent {
  isShown = false;

  constructor(readonly id: number, readonly children: ComponentChildren) {}
}

const REDUCERS: Record<string, (value: unknown) => unknown> = {
  Signal: (value) => value instanceof Signal && [value.peek()],
  Slot: (value) => isElement(value) && value.props.slot instanceof SlotContent && [value.props.slot.id],
  // A reducer can refuse a value only by handing on another that is refused, with the path of the first.
  unsupported: (value) => isUnsupported(value) && Symbol("unsupported"),
};

/** Text that is safe inside a script element. Throws TypeError naming the island and the path of an unsupported value. */
export function serializeState(state: PageState): string {
  try {
    return stringify(state, REDUCERS).replaceAll("<", "\\u003C");
  } catch (error) {
    if (!(error instanceof DevalueError)) throw error;
    const [, index = "", path = ""] = /^\.islands\[(\d+)\]\.props(.*)$/.exec(error.path) ?? [];
    const island = state.islands[Number(index)];
    throw new TypeError(`Cannot pass ${path} to island ${island?.src}: ${error.message}`, { cause: error });
  }
}

/** Kinds that would arrive broken and that devalue lets through. */
function isUnsupported(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (ArrayBuffer.isView(value)) return !(value instanceof Uint8Array);
  return isElement(value) || Object.getPrototypeOf(value) === null;
}

/** Preact's own test takes objects without a prototype for elements. */
export function isElement(value: unknown): value is VNode<Record<string, unknown>> {
  return isValidElement(value) && Object.hasOwn(value, "constructor");
}
