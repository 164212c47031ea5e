import { useEffect, useState } from "preact/hooks";
import { IS_BROWSER } from "fresh/runtime";
import { describe } from "../describe.ts";

/** Says what arrived. */
export default function Kinds(props: Record<string, unknown>) {
  const [text, setText] = useState("server");
  useEffect(() => setText(describe(props)), []);
  return <pre id="kinds" data-browser={String(IS_BROWSER)}>{text}</pre>;
}
