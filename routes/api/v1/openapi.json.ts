import { VERSION } from "../../../core/config/version.ts";
import { define } from "../../(_shared)/define.ts";
import { openapiDocument } from "../../(_shared)/openapi.ts";

let document: string | null = null;

export const handler = define.handlers({
  GET() {
    document ??= JSON.stringify(openapiDocument(VERSION));
    return new Response(document, { headers: { "content-type": "application/json" } });
  },
});
