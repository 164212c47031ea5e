import { Head } from "fresh/runtime";
import Panel from "../../islands/Panel.tsx";
import Near from "../(_islands)/Near.tsx";
import { define } from "../../define.ts";

export default define.page(({ isPartial }) => (
  <>
    <Head>
      <title>page b</title>
    </Head>
    <h1>page b {String(isPartial)}</h1>
    <Panel id="panel-b" isOpen={false}>
      <Near id="near-b" />
    </Panel>
    <p style="height: 3000px">tall</p>
  </>
));
