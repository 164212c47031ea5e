import { Partial } from "fresh/runtime";
import Counter from "../../islands/Counter.tsx";
import { define } from "../../define.ts";

export default define.layout(({ Component }) => (
  <div f-client-nav>
    <nav>
      <a id="to-a" href="/nav/a">a</a>
      <a id="to-b" href="/nav/b?x=1">b</a>
      <a id="to-redirect" href="/nav/redirect">redirect</a>
      <a id="to-other" href="/items">no partial</a>
      <a id="to-full" href="/nav/b" f-client-nav={false}>full</a>
      <a id="to-special" href="/nav/b" f-partial="/nav/special">special</a>
    </nav>
    <Counter id="outside" start={0} />
    <Partial name="content">
      <Component />
    </Partial>
  </div>
));
