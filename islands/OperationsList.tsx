/** Bulk operations, alive. */
import { useLivePage } from "../components/live/use_live_page.ts";
import { OperationsPanel } from "../components/operations/OperationsPanel.tsx";
import type { OperationsData } from "../components/operations/types.ts";

const TOPICS = ["bulk"];
const SETTLE_MS = 200;

/** @param props.dataUrl where they are read anew. */
export default function OperationsList({ initial, dataUrl }: { initial: OperationsData; dataUrl: string }) {
  const { data } = useLivePage(initial, dataUrl, TOPICS, { settleMs: SETTLE_MS });
  return <OperationsPanel operations={data.operations} />;
}
