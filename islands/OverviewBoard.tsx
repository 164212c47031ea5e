/** The Overview, live: the answer first, then the evidence. */
import { AgentsPanel } from "../components/overview/AgentsPanel.tsx";
import { CallsChart, ReadyChart } from "../components/overview/ChartPanels.tsx";
import { InstancesPanel } from "../components/overview/InstancesPanel.tsx";
import { KeyFigures } from "../components/overview/KeyFigures.tsx";
import { ProblemsPanel } from "../components/overview/ProblemsPanel.tsx";
import type { OverviewData } from "../components/overview/types.ts";
import { VerdictPanel } from "../components/overview/VerdictPanel.tsx";
import { useLivePage, useNow } from "../components/live/use_live_page.ts";

const TOPICS = ["dispatches", "fleet", "load"];
/** The server reads the fleet at most once a second; asking more often would show the same. */
const SETTLE_MS = 200;
const STALE_MS = 1_000;

export default function OverviewBoard({ initial }: { initial: OverviewData }) {
  const { data } = useLivePage(initial, "/?as=data", TOPICS, { settleMs: SETTLE_MS, staleMs: STALE_MS });
  const readAtMs = Date.parse(data.overview.at);
  const sinceMs = Math.max(0, useNow(readAtMs) - readAtMs);
  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
      <VerdictPanel overview={data.overview} />
      <KeyFigures data={data} />
      <div class="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-2 xl:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_24rem]">
        <ProblemsPanel problems={data.overview.problems} />
        <CallsChart data={data} />
        <ReadyChart history={data.history} />
      </div>
      <AgentsPanel data={data} />
      <InstancesPanel data={data} sinceMs={sinceMs} />
    </div>
  );
}
