import { Partial } from "fresh/runtime";
import { define } from "../../define.ts";

export default define.page(() => <Partial name="content">again</Partial>);
