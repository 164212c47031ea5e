/** A bulk operation, alive: how far it is, what became of each item, and its Abort button. */
import { useState } from "preact/hooks";
import { Alert, type AlertText } from "../components/Alert.tsx";
import { useLivePage } from "../components/live/use_live_page.ts";
import { write } from "../components/live/write.ts";
import { ItemsPanel } from "../components/operations/ItemsPanel.tsx";
import { ProgressPanel } from "../components/operations/ProgressPanel.tsx";
import type { OperationData } from "../components/operations/types.ts";

interface Props {
  initial: OperationData;
  /** Where this page's data is. */
  dataUrl: string;
  csrf: string;
  canOperate: boolean;
}

const RUNNING = ["bulk", "dispatches"];
const SETTLE_MS = 200;
const FINAL = new Set(["succeeded", "failed", "cancelled", "expired"]);

export default function OperationBoard({ initial, dataUrl, csrf, canOperate }: Props) {
  const [problem, setProblem] = useState<AlertText | null>(null);
  const [isSettled, setSettled] = useState(false);
  const live = { settleMs: SETTLE_MS, staleMs: SETTLE_MS };
  const { data, refresh } = useLivePage(initial, dataUrl, isSettled ? [] : RUNNING, live);
  const { operation, items } = data;
  const isOver = operation.state !== "running" &&
    items.every(({ resultState }) => resultState === null || FINAL.has(resultState));
  if (isOver !== isSettled) setSettled(isOver);
  const abort = async () => {
    const result = await write("POST", `/api/v1/bulk-operations/${operation.id}/abort`);
    setProblem(result.ok ? null : result.problem);
    refresh();
  };
  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
      {problem && <Alert {...problem} />}
      <ProgressPanel operation={operation} csrf={csrf} canOperate={canOperate} onAbort={() => void abort()} />
      <ItemsPanel data={data} />
    </div>
  );
}
