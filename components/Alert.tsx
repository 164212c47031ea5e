/** What went wrong with a write: what happened, the cause, then what to do. Announced at once. */
import { Icon } from "./Icon.tsx";

export interface AlertText {
  title: string;
  detail: string;
  remedy: string | null;
}

export function Alert({ title, detail, remedy }: AlertText) {
  return (
    <div role="alert" class="problem" data-state="failed">
      <Icon name="st-failed" class="" />
      <div>
        <p class="font-semibold">{title}</p>
        <p class="mt-1 text-muted">{detail}</p>
        {remedy && (
          <p class="mt-1 text-muted">
            <b class="font-semibold text-base-content">Remedy.</b> {remedy}
          </p>
        )}
      </div>
    </div>
  );
}
