import { asset } from "fresh/runtime";
import { define } from "../../define.ts";

export const config = { routeOverride: "/renamed/:n(\\d+)" };

export default define.page(({ params }) => <img alt={params.n} src={asset("/img/dot.svg#top")} />);
