/** Profiles of a running job, for admins: plain forms, whose answer the browser saves as a file. */
import { Panel } from "../Panel.tsx";
import type { JobView } from "./types.ts";

const PROFILES = [
  { query: "kind=cpu&seconds=5", label: "CPU, 5 s" },
  { query: "kind=allocations&seconds=5", label: "Allocations, 5 s" },
  { query: "kind=heap", label: "Heap snapshot" },
];

export function ProfilePanel({ job, csrf }: { job: JobView; csrf: string }) {
  return (
    <Panel id="profile" title="Profile" aside="for Chrome's developer tools">
      <div class="grid gap-3 p-4">
        <div class="flex flex-wrap gap-2">
          {PROFILES.map(({ query, label }) => (
            <form key={query} method="post" action={`/api/v1/jobs/${job.id}/profile?${query}`}>
              <input type="hidden" name="csrf" value={csrf} />
              <button type="submit" class="btn btn-quiet btn-sm">{label}</button>
            </form>
          ))}
        </div>
        <p class="text-xs text-muted">A heap snapshot stops the agent for a moment: who is in the call hears it.</p>
      </div>
    </Panel>
  );
}
