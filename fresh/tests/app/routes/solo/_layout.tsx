import { define } from "../../define.ts";

export const config = { skipInheritedLayouts: true, skipAppWrapper: true };

export default define.layout(({ Component }) => (
  <div data-layout="solo">
    <Component />
  </div>
));
