import { asset } from "fresh/runtime";
import { currentItem } from "../components/layout/navigation.ts";
import { define } from "./(_shared)/define.ts";
import { themeOf } from "./(_shared)/theme.ts";

export default define.layout(({ Component, state, url, req }) => {
  const title = currentItem(url.pathname)?.title;
  return (
    <html lang="en" data-theme={themeOf(req) === "" ? undefined : themeOf(req)}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        {state.csrfToken && <meta name="csrf" content={state.csrfToken} />}
        <title>{title === undefined ? "Greenroom" : `${title} · Greenroom`}</title>
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link
          rel="preload"
          href="/fonts/atkinson-hyperlegible-next-latin.woff2"
          as="font"
          type="font/woff2"
          crossorigin="anonymous"
        />
        <link rel="stylesheet" href={asset("/app.css")} />
      </head>
      <body>
        <Component />
      </body>
    </html>
  );
});
