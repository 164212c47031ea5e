import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { define } from "../../define.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { id = "" } = ctx.params;
    if (id === "missing") throw new HttpError(404, "no such item");
    if (id === "broken") throw new Error("broken item");
    return page({ id, trail: await Promise.resolve(ctx.state.trail.join()) }, {
      headers: { "cache-control": "no-store" },
    });
  },
  POST: (ctx) => ctx.redirect("/items", 303),
});

export default define.page<typeof handler>(({ data }) => (
  <>
    <Head>
      <title>item {data.id}</title>
      <meta name="description" content="of the item" />
      <link key="theme" rel="stylesheet" href="/item.css" />
      <meta name="robots" content="none" />
    </Head>
    <h1>item {data.id} via {data.trail}</h1>
  </>
));
