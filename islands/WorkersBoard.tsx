/** Instances with their slots, and each worker's connection to LiveKit, live. */
import { useState } from "preact/hooks";
import { Alert, type AlertText } from "../components/Alert.tsx";
import { Empty } from "../components/Empty.tsx";
import { count, plural } from "../components/format.ts";
import { useLivePage, useNow } from "../components/live/use_live_page.ts";
import { write } from "../components/live/write.ts";
import { InstancePanel } from "../components/workers/InstancePanel.tsx";
import type { WorkersData } from "../components/workers/types.ts";

const TOPICS = ["fleet", "load"];
const SETTLE_MS = 200;
const STALE_MS = 1_000;
const MS_PER_MINUTE = 60_000;

interface Props {
  initial: WorkersData;
  csrf: string;
  canOperate: boolean;
}

export default function WorkersBoard({ initial, csrf, canOperate }: Props) {
  const [problem, setProblem] = useState<AlertText | null>(null);
  const { data, refresh } = useLivePage(initial, "/workers?as=data", TOPICS, {
    settleMs: SETTLE_MS,
    staleMs: STALE_MS,
  });
  const { overview } = data;
  const readAtMs = Date.parse(overview.at);
  const nowMs = useNow(readAtMs);
  const act = async (form: FormData) => {
    const result = await write("POST", ...requestOf(form));
    setProblem(result.ok ? null : result.problem);
    refresh();
  };
  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
      <section class="panel flex flex-wrap items-center gap-x-8 gap-y-2 p-4" aria-label="Headroom">
        <p class="flex items-baseline gap-2">
          <b class="text-2xl font-bold">{count(overview.headroom.calls)}</b>
          <span class="text-base">{overview.headroom.calls === 1 ? "more call fits" : "more calls fit"}</span>
        </p>
        <p class="min-w-0 flex-1 text-muted">{sentenceOf(data)}</p>
      </section>
      {problem && <Alert {...problem} />}
      {overview.instances.length === 0 && <Empty title="No instance runs" />}
      {overview.instances.map((instance) => (
        <InstancePanel
          key={instance.id}
          instance={instance}
          data={data}
          sinceMs={Math.max(0, nowMs - readAtMs)}
          nowMs={nowMs}
          csrf={csrf}
          canOperate={canOperate}
          onAct={(form) => void act(form)}
        />
      ))}
    </div>
  );
}

/** What the form of InstanceActions asks for, at REST. */
function requestOf(form: FormData): [path: string, body?: { deadlineMs: number }] {
  const path = `/api/v1/instances/${form.get("id")}/${form.get("action")}`;
  if (form.get("action") !== "drain") return [path];
  return [path, { deadlineMs: Math.round(Number(form.get("minutes")) * MS_PER_MINUTE) }];
}

/** What would be lost with the fullest instance: how many of its calls would find a slot. */
function sentenceOf(data: WorkersData): string {
  const { overview } = data;
  const { instances, liveCalls } = overview;
  const used = [
    `${plural(liveCalls, "call")} on ${plural(instances.reduce((sum, { maxJobs }) => sum + maxJobs, 0), "slot")}.`,
    ...instances.filter(({ id }) => data.closed[id] !== undefined).map(({ hostname, state, maxJobs, liveJobs }) =>
      `${hostname} ${state === "cordoned" ? "is cordoned" : "drains"}, so ${
        plural(Math.max(0, maxJobs - liveJobs), "slot")
      } of it ${maxJobs - liveJobs === 1 ? "is" : "are"} closed.`
    ),
  ].join(" ");
  const [fullest] = [...instances].sort((a, b) => b.liveJobs - a.liveJobs);
  if (!fullest || fullest.liveJobs === 0) return used;
  if (instances.length === 1) return `${used} There is one instance: if it were lost, all its calls would wait for it.`;
  const elsewhere = instances.filter(({ id, state }) => id !== fullest.id && state === "running")
    .reduce((sum, { maxJobs, liveJobs }) => sum + Math.max(0, maxJobs - liveJobs), 0);
  const found = Math.min(elsewhere, fullest.liveJobs);
  const waiting = fullest.liveJobs - found;
  return `${used} If ${fullest.hostname} were lost now, ${found} of its ${
    plural(fullest.liveJobs, "call")
  } would find a ` +
    `slot at once${waiting > 0 ? ` and ${waiting} would wait` : ""}.`;
}
