/** For generated entry points only: how a build reaches the app. */
export { setBuild } from "./app.ts";
export { readSnapshot } from "./build.ts";
