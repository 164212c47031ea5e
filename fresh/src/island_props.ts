/**
 * Island props on their way to the browser: one text for the whole page, so that shared references (a signal given to
 * two islands) stay shared. Kinds that would arrive broken are refused here, with the path to the value.
 */
import { Signal } from "@preact/signals";
import { DevalueError, stringify } from "devalue";
import { isValidElement } from "preact";

/** Stands in serialised props for server-rendered content that the browser adopts from the document. */
export class SlotReference {
  constructor(readonly id: number) {}
}

export interface PageState {
  buildId: string;
  islands: { src: string; exportName: string; props: Record<string, unknown> }[];
}

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

const REDUCERS: Record<string, (value: unknown) => unknown> = {
  Signal: (value) => value instanceof Signal && [value.peek()],
  Slot: (value) => value instanceof SlotReference && [value.id],
  unsupported: (value) => isUnsupported(value) && UNSUPPORTED,
};

/** A reducer can refuse a value only by handing on another that is refused, with the path of the first. */
const UNSUPPORTED = Symbol("unsupported");

function isUnsupported(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (isElement(value) || value instanceof URLSearchParams) return true;
  if (ArrayBuffer.isView(value)) return !(value instanceof Uint8Array);
  return Object.getPrototypeOf(value) === null;
}

/** Preact's own test takes objects without a prototype for elements. */
export function isElement(value: unknown): boolean {
  return isValidElement(value) && Object.hasOwn(value as object, "constructor");
}
