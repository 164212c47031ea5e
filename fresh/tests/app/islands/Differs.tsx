import { IS_BROWSER } from "fresh/runtime";

/** Renders something else in the browser than on the server. */
export default function Differs() {
  return IS_BROWSER ? <b id="differs" class="browser">browser</b> : <i id="differs" class="server" title="x">server</i>;
}
