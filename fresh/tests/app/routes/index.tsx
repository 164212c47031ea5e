import { define } from "../define.ts";

export default define.page(({ state, route }) => <p>home {route} {state.trail.join()}</p>);
