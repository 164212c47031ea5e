/** Makes or changes a rule: a plain form, so that it works without JavaScript. */
import type { ComponentChildren } from "preact";
import { Alert } from "../Alert.tsx";
import type { RulesData } from "./types.ts";

const EVENTS = [
  { value: "room_started", label: "the room starts" },
  { value: "participant_joined", label: "a participant joins" },
];
const KINDS = [
  { value: "", label: "anybody but agents and recorders" },
  { value: "standard", label: "people (standard)" },
  { value: "sip", label: "people by phone (sip)" },
  { value: "ingress", label: "ingress" },
  { value: "connector", label: "people by connector" },
];
const PRIORITIES = [
  { value: "", label: "what the agent says, else normal" },
  ...["urgent", "high", "normal", "low"].map((value) => ({ value, label: value })),
];

interface Props {
  form: RulesData["form"];
  agents: readonly string[];
  csrf: string;
}

export function RuleForm({ form: { ruleId, values, errors, problem }, agents, csrf }: Props) {
  const errorOf = (field: string) => errors.find(({ path }) => path === field || path.startsWith(`${field}.`))?.message;
  const isNew = ruleId === null;
  const names = agents.includes(values.agent) || values.agent === "" ? agents : [values.agent, ...agents];
  return (
    <form class="panel" id="edit" aria-labelledby="rule-form" method="post" action="/rules">
      <input type="hidden" name="csrf" value={csrf} />
      <input type="hidden" name="action" value="save" />
      {!isNew && <input type="hidden" name="id" value={ruleId} />}
      <div class="panel-head">
        <h2 id="rule-form">{isNew ? "New rule" : "Change the rule"}</h2>
        {!isNew && <a class="link-quiet ml-auto text-xs" href="/rules">Make a new one instead</a>}
      </div>
      {problem && <Alert {...problem} />}
      <div class="grid gap-4 p-4">
        <Text name="name" label="Name" value={values.name} error={errorOf("name")} maxLength={64} isRequired />
        <Choice
          name="agent"
          label="Agent"
          value={values.agent}
          error={errorOf("agent")}
          options={names.map((value) => ({ value, label: value }))}
        />
        <Text
          name="roomPattern"
          label="Rooms named like"
          about="* is any run of characters, ? is one: support-*"
          value={values.roomPattern}
          error={errorOf("roomPattern")}
          maxLength={256}
          isRequired
        />
        <Choice name="event" label="When" value={values.event} error={errorOf("event")} options={EVENTS} />
        <fieldset class="grid gap-4 rounded-box border border-base-300 p-4">
          <legend class="px-1 text-muted">If a participant must join</legend>
          <Choice
            name="participantKind"
            label="Who"
            value={values.participantKind}
            error={errorOf("participantKind")}
            options={KINDS}
          />
          <Area
            name="participantAttributes"
            label="With attributes"
            about="One name=value a line; all of them."
            value={values.participantAttributes}
            error={errorOf("participantAttributes")}
            rows={2}
          />
        </fieldset>
        <Area
          name="metadata"
          label="Metadata"
          about="JSON for the agent; may be empty."
          value={values.metadata}
          error={errorOf("metadata")}
          rows={3}
        />
        <Choice
          name="priority"
          label="Priority"
          value={values.priority}
          error={errorOf("priority")}
          options={PRIORITIES}
        />
      </div>
      <div class="flex flex-wrap items-center gap-2 border-t border-base-300 px-4 py-3.5">
        <button class="btn btn-primary" type="submit">{isNew ? "Make the rule" : "Save the rule"}</button>
        <span class="text-xs text-muted">It acts on what begins from then on.</span>
      </div>
    </form>
  );
}

interface FieldProps {
  name: string;
  label: string;
  about?: string;
  value: string;
  error: string | undefined;
}

function Field({ name, label, about, error, children }: Omit<FieldProps, "value"> & { children: ComponentChildren }) {
  return (
    <div>
      <label class="mb-1.5 block font-semibold" for={`rule-${name}`}>{label}</label>
      {children}
      {(error ?? about) !== undefined && (
        <p id={`rule-${name}-about`} class={`mt-1.5 text-xs ${error === undefined ? "text-muted" : "text-failed"}`}>
          {error ?? about}
        </p>
      )}
    </div>
  );
}

function ariaOf({ name, about, error }: Pick<FieldProps, "name" | "about" | "error">) {
  return {
    id: `rule-${name}`,
    name,
    "aria-invalid": error !== undefined,
    "aria-describedby": (error ?? about) === undefined ? undefined : `rule-${name}-about`,
  };
}

function Text({ maxLength, isRequired, ...field }: FieldProps & { maxLength: number; isRequired: boolean }) {
  return (
    <Field {...field}>
      <input
        {...ariaOf(field)}
        class={`input w-full ${field.error === undefined ? "" : "border-error"}`}
        autocomplete="off"
        maxLength={maxLength}
        required={isRequired}
        value={field.value}
      />
    </Field>
  );
}

function Choice({ options, ...field }: FieldProps & { options: readonly { value: string; label: string }[] }) {
  return (
    <Field {...field}>
      <select {...ariaOf(field)} class={`select w-full ${field.error === undefined ? "" : "border-error"}`}>
        {options.map(({ value, label }) => (
          <option key={value} value={value} selected={value === field.value}>{label}</option>
        ))}
      </select>
    </Field>
  );
}

function Area({ rows, ...field }: FieldProps & { rows: number }) {
  return (
    <Field {...field}>
      <textarea
        {...ariaOf(field)}
        class={`textarea id w-full ${field.error === undefined ? "" : "border-error"}`}
        rows={rows}
        spellcheck={false}
      >
        {field.value}
      </textarea>
    </Field>
  );
}
