import { computed, useSignal } from "@preact/signals";
import Broken from "../../islands/Broken.tsx";
import Counter from "../../islands/Counter.tsx";
import Differs from "../../islands/Differs.tsx";
import LiveHead from "../../islands/LiveHead.tsx";
import Row from "../../islands/Row.tsx";
import Shared from "../../islands/Shared.tsx";
import { define } from "../../define.ts";

export default define.page(() => {
  const value = useSignal(5);
  const double = computed(() => value.value * 2);
  return (
    <>
      <Counter id="one" start={1} />
      <Counter id="two" start={20} />
      <Broken />
      <Differs />
      <Shared id="left" value={value} double={double} />
      <Shared id="right" value={value} double={double} />
      <table>
        <tbody>
          <Row name="first" />
          <tr>
            <td>between</td>
          </tr>
          <Row name="second" />
        </tbody>
      </table>
      <LiveHead />
    </>
  );
});
