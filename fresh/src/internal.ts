/** For generated entry points only: how a build reaches the app. */
export { setBuild } from "./app.ts";
export type { Build } from "./build.ts";
