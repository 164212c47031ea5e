/** Metadata as fields (when the agent has a schema) or as JSON. Both are plain form fields. */
import type { ComponentChildren } from "preact";
import type { FormValues } from "./form_values.ts";
import { type FieldError, hintOf, type MetadataField } from "./metadata_schema.ts";

interface Props {
  fields: MetadataField[] | null;
  values: FormValues;
  errors: readonly FieldError[];
  onChange: (change: Partial<FormValues>) => void;
  /** At the right of its head. */
  aside?: ComponentChildren;
}

export function MetadataFields({ fields, values, errors, onChange, aside }: Props) {
  const as = fields === null ? "json" : values.metadataAs;
  return (
    <fieldset class="min-w-0">
      <legend class="mb-1.5 flex w-full items-center font-semibold">Metadata</legend>
      <div class="rounded-box border border-base-300">
        <div class="flex flex-wrap items-center gap-1 border-b border-base-300 px-1.5 py-1">
          {fields !== null && <Tab name="form" label="Form" as={as} onChange={onChange} />}
          <Tab name="json" label="JSON" as={as} onChange={onChange} />
          <span class="ml-auto">{aside}</span>
        </div>
        {as === "form" && fields !== null
          ? (
            <div class="grid gap-4 p-4 sm:grid-cols-2">
              {fields.length === 0 && <p class="text-muted">The schema has no fields.</p>}
              {fields.map((field) => (
                <Field
                  key={field.name}
                  field={field}
                  value={values.fields[field.name] ?? ""}
                  error={errors.find(({ path }) => path === field.name || path.startsWith(`${field.name}.`))}
                  onChange={(value) => onChange({ fields: { ...values.fields, [field.name]: value } })}
                />
              ))}
            </div>
          )
          : <JsonField values={values} errors={errors} onChange={onChange} hasSchema={fields !== null} />}
      </div>
    </fieldset>
  );
}

function Tab(
  { name, label, as, onChange }: { name: "form" | "json"; label: string; as: string; onChange: Props["onChange"] },
) {
  const isChosen = name === as;
  return (
    <label
      class={`flex h-7 cursor-pointer items-center rounded-selector px-2.5 has-focus-visible:outline-2 has-focus-visible:outline-accent ${
        isChosen ? "bg-secondary font-semibold" : "text-muted"
      }`}
    >
      <input
        type="radio"
        class="sr-only"
        name="metadataAs"
        value={name}
        checked={isChosen}
        onChange={() => onChange({ metadataAs: name })}
      />
      {label}
    </label>
  );
}

function JsonField({ values, errors, onChange, hasSchema }: Omit<Props, "fields" | "aside"> & { hasSchema: boolean }) {
  const wrong = errors.filter(({ path }) => path !== "agent" && path !== "room");
  return (
    <div class="p-4">
      <label class="sr-only" for="metadata">Metadata as JSON</label>
      <textarea
        id="metadata"
        name="metadata"
        rows={6}
        class={`textarea id w-full ${wrong.length > 0 ? "border-error" : ""}`}
        placeholder='{ "customer": "parcelway" }'
        spellcheck={false}
        aria-invalid={wrong.length > 0}
        aria-describedby={wrong.length > 0 ? "metadata-error" : undefined}
        value={values.json}
        onInput={(event) => onChange({ json: event.currentTarget.value })}
      />
      {!hasSchema && <p class="mt-1.5 text-xs text-muted">This agent has no schema: anything fits.</p>}
      {wrong.length > 0 && (
        <p id="metadata-error" class="mt-1 text-xs text-failed">
          {wrong.map(({ path, message }) => path === "metadata" ? message : `${path}: ${message}`).join(" ")}
        </p>
      )}
    </div>
  );
}

interface FieldProps {
  field: MetadataField;
  value: string;
  error: FieldError | undefined;
  onChange: (value: string) => void;
}

function Field({ field, value, error, onChange }: FieldProps) {
  const id = `meta-${field.name}`;
  if (field.kind === "boolean") {
    return (
      <label class="flex items-center gap-2 self-start sm:mt-7">
        <input
          type="checkbox"
          class="toggle toggle-sm"
          name={`meta.${field.name}`}
          checked={value === "on" || value === "true"}
          onChange={(event) => onChange(event.currentTarget.checked ? "on" : "")}
        />
        {field.name}
      </label>
    );
  }
  const about = [field.description === null ? null : `${id}-about`, error && `${id}-error`].filter(Boolean).join(" ");
  const shared = {
    id,
    name: `meta.${field.name}`,
    value,
    "aria-invalid": error !== undefined,
    ...(about === "" ? {} : { "aria-describedby": about }),
  };
  const border = error ? " border-error" : "";
  return (
    <div class={field.kind === "json" ? "sm:col-span-2" : undefined}>
      <label class="mb-1 block" for={id}>
        {field.name} <span class="text-faint">{hintOf(field)}</span>
      </label>
      {field.kind === "choice"
        ? (
          <select
            {...shared}
            class={`select select-sm w-full${border}`}
            onChange={(event) => onChange(event.currentTarget.value)}
          >
            {(!field.isRequired || value === "") && <option value=""></option>}
            {field.choices.map((choice) => <option key={choice} value={choice}>{choice}</option>)}
          </select>
        )
        : field.kind === "json"
        ? (
          <textarea
            {...shared}
            rows={2}
            class={`textarea textarea-sm id w-full${border}`}
            spellcheck={false}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
        )
        : (
          <input
            {...shared}
            class={`input input-sm w-full${border}`}
            inputMode={field.kind === "text" ? undefined : "decimal"}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
        )}
      {field.description !== null && <p id={`${id}-about`} class="mt-1 text-xs text-muted">{field.description}</p>}
      {error && <p id={`${id}-error`} class="mt-1 text-xs text-failed">{error.message}</p>}
    </div>
  );
}
