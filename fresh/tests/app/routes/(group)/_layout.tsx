import { define } from "../../define.ts";

export default define.layout(async ({ Component }) => {
  await Promise.resolve();
  return (
    <div data-layout="group">
      <Component />
    </div>
  );
});
