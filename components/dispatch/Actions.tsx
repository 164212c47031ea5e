/**
 * What can be done with a dispatch. Each is a plain form as well: without JavaScript the page's own POST does it. Cancelling
 * asks first and names what it costs.
 */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Alert, type AlertText } from "../Alert.tsx";
import { Icon } from "../Icon.tsx";
import { write } from "../live/write.ts";
import { isOver } from "./details.ts";
import { metadataOfJson } from "./metadata_schema.ts";
import type { DispatchView } from "./types.ts";

interface Props {
  dispatch: DispatchView;
  csrf: string;
  onChange: () => void;
}

const MENU = "dropdown-content z-40 mt-1 grid w-80 max-w-[calc(100vw-2rem)] gap-3 rounded-box border " +
  "border-base-300 bg-base-100 p-4 shadow-overlay";

export function Actions({ dispatch, csrf, onChange }: Props) {
  const [problem, setProblem] = useState<AlertText | null>(null);
  const path = `/api/v1/dispatches/${dispatch.id}`;
  const cancel = async () => {
    const result = await write("DELETE", path);
    setProblem(result.ok ? null : result.problem);
    onChange();
  };
  const retry = async (metadata: unknown) => {
    const result = await write<DispatchView>("POST", `${path}/retry`, metadata === undefined ? {} : { metadata });
    if (result.ok) location.href = `/dispatches/${result.value.id}`;
    else setProblem(result.problem);
  };
  const shared = { id: dispatch.id, csrf };
  return (
    <div class="lg:ml-auto">
      <div class="flex flex-wrap gap-2">
        <a class="btn btn-quiet btn-sm" href={`/dispatch?from=${dispatch.id}`}>Dispatch again</a>
        {isOver(dispatch)
          ? (
            <>
              <RetryWith {...shared} metadata={dispatch.metadata} onRetry={retry} />
              <PlainForm {...shared} action="retry" onSubmit={() => retry(undefined)}>
                <button type="submit" class={`btn btn-sm ${dispatch.state === "failed" ? "btn-primary" : "btn-quiet"}`}>
                  Retry 1 job
                </button>
              </PlainForm>
            </>
          )
          : (
            <>
              <a class="btn btn-quiet btn-sm" href={`/dispatches/${dispatch.id}/talk`}>
                <Icon name="i-mic" />
                Talk to it
              </a>
              <CancelMenu {...shared} dispatch={dispatch} onCancel={cancel} />
            </>
          )}
      </div>
      {problem && <Alert {...problem} />}
    </div>
  );
}

function PlainForm(
  { id, csrf, action, onSubmit, class: className, children }: {
    id: string;
    csrf: string;
    action: string;
    onSubmit: (form: HTMLFormElement) => void;
    class?: string;
    children: ComponentChildren;
  },
) {
  return (
    <form
      method="post"
      action={`/dispatches/${id}`}
      class={className}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(event.currentTarget);
      }}
    >
      <input type="hidden" name="csrf" value={csrf} />
      <input type="hidden" name="action" value={action} />
      {children}
    </form>
  );
}

function CancelMenu(
  { id, csrf, dispatch, onCancel }: { id: string; csrf: string; dispatch: DispatchView; onCancel: () => void },
) {
  const isInCall = dispatch.stages.connectedAt !== null;
  return (
    <details class="dropdown dropdown-end">
      <summary class="btn btn-danger btn-sm">
        {isInCall ? "Cancel job, agent leaves the call" : "Cancel dispatch"}
      </summary>
      <div class={MENU}>
        <p>
          {isInCall
            ? `${dispatch.agent} leaves ${dispatch.room} now. Who is there hears nobody from it any more.`
            : "It will not run. Nobody is in the room from it yet."}
        </p>
        <PlainForm id={id} csrf={csrf} action="cancel" onSubmit={onCancel}>
          <button type="submit" class="btn btn-error btn-sm">
            {isInCall ? "Cancel 1 job now" : "Cancel 1 dispatch now"}
          </button>
        </PlainForm>
      </div>
    </details>
  );
}

function RetryWith(
  { id, csrf, metadata, onRetry }: {
    id: string;
    csrf: string;
    metadata: unknown;
    onRetry: (metadata: unknown) => void;
  },
) {
  const [error, setError] = useState<string | null>(null);
  const initial = metadata === null ? "" : JSON.stringify(metadata, null, 2);
  const submit = (form: HTMLFormElement) => {
    const read = metadataOfJson(String(new FormData(form).get("metadata") ?? ""));
    setError(read.ok ? null : read.errors.map(({ message }) => message).join(" "));
    if (read.ok) onRetry(read.metadata);
  };
  return (
    <details class="dropdown dropdown-end">
      <summary class="btn btn-quiet btn-sm">Retry with other metadata</summary>
      <div class={MENU}>
        <PlainForm id={id} csrf={csrf} action="retry" class="grid gap-3" onSubmit={submit}>
          <label class="font-semibold" for="retry-metadata">Metadata as JSON</label>
          <textarea
            id="retry-metadata"
            name="metadata"
            rows={8}
            class={`textarea id w-full ${error === null ? "" : "border-error"}`}
            spellcheck={false}
            aria-invalid={error !== null}
            aria-describedby={error === null ? undefined : "retry-error"}
            defaultValue={initial}
          />
          {error !== null && <p id="retry-error" class="text-xs text-failed">{error}</p>}
          <button type="submit" class="btn btn-primary btn-sm justify-self-start">Retry 1 job with this</button>
        </PlainForm>
      </div>
    </details>
  );
}
