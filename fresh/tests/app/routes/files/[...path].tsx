import { define } from "../../define.ts";

export default define.page(async ({ params }) => {
  if (params.path === "go") {
    return await Promise.resolve(new Response(null, { status: 302, headers: { location: "/x" } }));
  }
  return <p>file [{params.path}]</p>;
});
