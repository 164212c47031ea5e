import Counter from "../../islands/Counter.tsx";
import Panel from "../../islands/Panel.tsx";
import { define } from "../../define.ts";

export default define.page(() => (
  <>
    <Panel id="open" isOpen title={<b>shown title</b>}>
      text before
      <p class="server" data-x="1">server text</p>
      <input class="typed" value="from server" />
      <Counter id="inside-open" start={3} />
      <Panel id="nested" isOpen={false} title="plain title">
        <Counter id="inside-nested" start={7} />
      </Panel>
    </Panel>
    <Panel id="closed" isOpen={false}>
      <em>hidden at first</em>
      <Counter id="inside-closed" start={9} />
    </Panel>
  </>
));
