import { h } from "preact";
import Kinds from "../../islands/Kinds.tsx";
import { define } from "../../define.ts";

class Thing {
  a = 1;
}

// Reading a kind by name keeps the page to one line per kind.
const BAD: Record<string, unknown> = {
  function: () => 1,
  instance: new Thing(),
  symbol: Symbol("x"),
  promise: Promise.resolve(1),
  error: new Error("x"),
  array: new Float32Array(1),
  bare: Object.create(null),
  deep: { element: h("p", null) },
  elements: [h("p", { key: 1 })],
};

export default define.page(({ url }) => <Kinds value={BAD[url.searchParams.get("kind") ?? ""]} />);
