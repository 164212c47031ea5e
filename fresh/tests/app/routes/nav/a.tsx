import { Head } from "fresh/runtime";
import Counter from "../../islands/Counter.tsx";
import Near from "../(_islands)/Near.tsx";
import { define } from "../../define.ts";

export default define.page(() => (
  <>
    <Head>
      <title>page a</title>
    </Head>
    <h1>page a</h1>
    <Near id="near-a" />
    <Counter id="in-a" start={1} />
  </>
));
