import { define } from "../../define.ts";

export default define.layout(({ Component }) => (
  <div data-layout="deep">
    <Component />
  </div>
));
