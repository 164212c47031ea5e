import { HttpError } from "fresh";
import { define } from "../define.ts";

export default define.page(({ error, url }) => {
  const text = error instanceof HttpError ? `${error.status} ${error.message}` : `broken: ${(error as Error).message}`;
  return <h1>root error: {text} at {url.pathname}</h1>;
});
