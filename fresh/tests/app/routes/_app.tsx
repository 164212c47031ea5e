import { define } from "../define.ts";

export default define.layout(({ Component }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <title>fixture</title>
      <link key="theme" rel="stylesheet" href="/styles.css" />
      <link rel="author" href="/first" />
      <link rel="author" href="/second" />
      <meta name="description" content="of the app" />
    </head>
    <body>
      <main>
        <Component />
      </main>
    </body>
  </html>
));
