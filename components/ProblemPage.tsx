/** What is shown in place of a page that can't be shown: what happened, the cause, what to do. */
import { Empty } from "./Empty.tsx";

export interface ProblemPageProps {
  title: string;
  detail: string;
  remedy: string;
}

export function ProblemPage({ title, detail, remedy }: ProblemPageProps) {
  return (
    <section class="panel mx-auto max-w-[88rem]">
      <Empty title={title}>
        <p>{detail}</p>
        <p>{remedy}</p>
        <p>
          <a class="link-quiet" href="/" aria-current="false">Overview</a>
        </p>
      </Empty>
    </section>
  );
}
