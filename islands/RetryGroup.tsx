/** The Recover page's retry of one group, alive: its button counts what is ticked. */
import { RetryPanel } from "../components/recover/RetryPanel.tsx";
import type { FailureGroup, GroupPreview, RecoverData } from "../components/recover/types.ts";

interface Props {
  group: FailureGroup;
  preview: GroupPreview;
  window: RecoverData["window"];
  now: string;
  csrf: string;
  canOperate: boolean;
}

export default function RetryGroup(props: Props) {
  return <RetryPanel {...props} />;
}
