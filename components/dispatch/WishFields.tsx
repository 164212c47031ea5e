/** What a dispatch can be given besides agent, room and metadata: whom it is for, when it starts, until when it waits. */
import { timeZone } from "../live/time_zone.ts";
import type { FormValues } from "./form_values.ts";

interface FieldProps {
  id: string;
  label: string;
  hint: string;
  type: "text" | "number" | "datetime-local";
  value: string;
  error: string | undefined;
  onChange: (value: string) => void;
}

function Field({ id, label, hint, type, value, error, onChange }: FieldProps) {
  return (
    <div class="min-w-0">
      <label class="mb-1.5 block font-semibold" for={id}>{label}</label>
      <input
        id={id}
        name={id}
        type={type}
        class={`input w-full ${error === undefined ? "" : "border-error"}`}
        autocomplete="off"
        aria-invalid={error !== undefined}
        aria-describedby={`${id}-about`}
        {...(type === "number" ? { min: 0, step: "any" } : {})}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <p id={`${id}-about`} class={`mt-1 text-xs ${error === undefined ? "text-muted" : "text-failed"}`}>
        {error ?? hint}
      </p>
    </div>
  );
}

/** For agents that are there for one participant. */
export function ParticipantField(props: Pick<FieldProps, "value" | "error" | "onChange">) {
  return (
    <Field
      {...props}
      id="participantIdentity"
      label="Participant"
      type="text"
      hint="Identity of the participant that the agent is for."
    />
  );
}

interface WhenProps {
  values: FormValues;
  errorAt: (path: string) => string | undefined;
  onChange: (part: Partial<FormValues>) => void;
}

export function WhenFields({ values, errorAt, onChange }: WhenProps) {
  return (
    <div class="grid gap-x-4 gap-y-5 sm:grid-cols-2">
      <Field
        id="startAt"
        label={`Start at (${timeZone.value === "utc" ? "UTC" : "your time"})`}
        type="datetime-local"
        hint="Empty: now."
        value={values.startAt}
        error={errorAt("scheduledAt")}
        onChange={(startAt) => onChange({ startAt })}
      />
      <Field
        id="expiresAfter"
        label="Expires after (seconds)"
        type="number"
        hint="When no agent is ready by then. Empty: never."
        value={values.expiresAfter}
        error={errorAt("deadlineMs")}
        onChange={(expiresAfter) => onChange({ expiresAfter })}
      />
    </div>
  );
}
