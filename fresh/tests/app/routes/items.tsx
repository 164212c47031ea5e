import { define } from "../define.ts";

export default define.page(() => <p>items without their layout</p>);
