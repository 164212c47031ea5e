import Kinds from "../../islands/Kinds.tsx";
import { define } from "../../define.ts";
import { describe } from "../../describe.ts";

// deno-lint-ignore no-sparse-arrays
export const holes = [1, , 3];
const circle: Record<string, unknown> = {};
circle.self = circle;

export const props = {
  text: "</script><!-- \u2028",
  numbers: [1.5, NaN, Infinity, -Infinity, -0],
  flag: true,
  nothing: null,
  undef: undefined,
  big: 2n ** 70n,
  holes,
  plain: { a: { b: 1 } },
  date: new Date(0),
  url: new URL("https://example.org/x"),
  regexp: /a\/b/gi,
  set: new Set([1, "x"]),
  map: new Map<unknown, unknown>([[1, { a: 2n }]]),
  bytes: new Uint8Array([1, 2, 255]),
  circle,
  duration: Temporal.Duration.from({ hours: 1 }),
};

export default define.page(() => (
  <>
    <Kinds {...props} />
    <pre id="expected">{describe(props)}</pre>
  </>
));
