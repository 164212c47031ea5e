import { PROMETHEUS_CONTENT_TYPE, prometheusText } from "../core/telemetry/prometheus.ts";
import { define } from "./(_shared)/define.ts";
import { isLoopbackRequest, unauthorized } from "./(_shared)/access.ts";

/** Prometheus text, from memory. Open to this machine; others need a key. */
export const handler = define.handlers({
  GET(ctx) {
    const { parts } = ctx.state.controlPlane;
    if (ctx.state.principal === null && !isLoopbackRequest(ctx)) return unauthorized();
    const text = parts
      ? prometheusText([...parts.metrics, ...parts.jobServices.metrics.list()])
      : "# Greenroom is starting\n";
    return new Response(text, { headers: { "content-type": PROMETHEUS_CONTENT_TYPE, "cache-control": "no-store" } });
  },
});
