import { define } from "../../define.ts";

export default define.layout(({ Component, url }) => (
  <section data-layout="items">
    <a href="/items/a">a</a>
    <a href="/items">all</a>
    <a href={`${url.pathname}?x=1`}>other query</a>
    <a href="/elsewhere">elsewhere</a>
    <Component />
  </section>
));
