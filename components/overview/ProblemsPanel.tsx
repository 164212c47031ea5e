import { Icon } from "../Icon.tsx";
import { Panel } from "../Panel.tsx";
import type { Overview } from "./types.ts";

/** Where a problem is put right. */
const LINKS: Record<string, { href: string; words: string }> = {
  jobs_fail: { href: "/recover", words: "See failed jobs by error" },
  queue_waits: { href: "/jobs?q=state%3Aqueued", words: "See who waits" },
  slots_used: { href: "/workers", words: "See the slots" },
  instance_silent: { href: "/workers", words: "See the instances" },
  worker_not_registered: { href: "/workers", words: "See the workers" },
  agent_broken: { href: "/workers", words: "See the agents" },
  agent_stopped: { href: "/workers", words: "See the instances" },
};

export function ProblemsPanel({ problems }: { problems: Overview["problems"] }) {
  return (
    <Panel
      id="problems"
      title="Open problems"
      class="panel lg:max-xl:col-span-2 xl:order-last"
      aside={problems.length === 0 ? "none" : `${problems.length} open`}
    >
      {problems.length === 0 && <p class="p-4 text-muted">Nothing wants a look.</p>}
      {problems.map(({ code, severity, message, remedy }, index) => {
        const state = severity === "error" ? "failed" : "attention";
        const link = LINKS[code];
        return (
          <div class="problem" data-state={state} key={`${code} ${index}`}>
            <Icon name={`st-${state}`} class="" />
            <div class="min-w-0 wrap-anywhere">
              <h3 class="font-semibold">{message}</h3>
              <p class="mt-1 text-muted">{remedy}</p>
              {link && (
                <p class="mt-1">
                  <a class="link-quiet" href={link.href}>{link.words}</a>
                </p>
              )}
            </div>
          </div>
        );
      })}
    </Panel>
  );
}
