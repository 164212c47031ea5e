import { define } from "../../define.ts";

export const handler = define.handlers((ctx) => {
  if (ctx.url.searchParams.has("plain")) return ctx.text("plain error", { status: 400 });
  return { data: "from the handler", status: 422 };
});

export default define.page<typeof handler>(({ data, error }) => <h1>items error: {(error as Error).message}, {data}
</h1>);
