import { define } from "../../../define.ts";

export default define.page(({ params }) => <p>edit {params.id}</p>);
