/** Doctor's checks from the running program, on demand. The link runs them without JavaScript. */
import { useState } from "preact/hooks";
import { Alert, type AlertText } from "../components/Alert.tsx";
import { Empty } from "../components/Empty.tsx";
import { duration } from "../components/format.ts";
import { Panel } from "../components/Panel.tsx";
import { ChecksList, summaryOf } from "../components/settings/ChecksList.tsx";
import { type CheckReport, settingsHref } from "../components/settings/types.ts";
import { Time } from "../components/Time.tsx";

export default function ChecksPanel({ initial }: { initial: CheckReport | null }) {
  const [report, setReport] = useState(initial);
  const [problem, setProblem] = useState<AlertText | null>(null);
  const [isRunning, setRunning] = useState(false);
  const run = async (event: Event) => {
    event.preventDefault();
    if (isRunning) return;
    setRunning(true);
    setProblem(null);
    try {
      const response = await fetch("/api/v1/checks", { headers: { accept: "application/json" } });
      const answer = await response.json();
      if (response.ok) setReport(answer);
      else setProblem({ title: answer.title, detail: answer.detail, remedy: answer.remedy });
    } catch (error) {
      const detail = `The request did not arrive: ${error instanceof Error ? error.message : error}.`;
      setProblem({ title: "Greenroom can't be reached", detail, remedy: "See that it runs, then try again." });
    } finally {
      setRunning(false);
    }
  };
  return (
    <Panel
      id="checks"
      title="Checks"
      class="panel overflow-hidden"
      lead={
        <span class="text-muted" aria-live="polite">
          {isRunning ? "looking at everything, some seconds" : report === null ? "" : summaryOf(report.results)}
        </span>
      }
      aside={
        <>
          {report !== null && (
            <span>
              run at <Time at={report.startedAt} />, took {duration(report.tookMs)}
            </span>
          )}
          <a
            class="btn btn-quiet btn-sm"
            href={settingsHref("checks", { run: "1" })}
            role="button"
            aria-disabled={isRunning ? true : undefined}
            onClick={run}
          >
            {report === null ? "Run the checks" : "Run again"}
          </a>
        </>
      }
    >
      {problem && <Alert {...problem} />}
      {report === null
        ? (
          <Empty title="Nothing was looked at yet">
            <p>Settings, disk, memory, database, LiveKit and agents are looked at; nothing is changed.</p>
          </Empty>
        )
        : <ChecksList results={report.results} />}
    </Panel>
  );
}
