/** Makes an API key. */
import type { FieldError } from "../dispatch/metadata_schema.ts";

const ROLES = [
  { value: "viewer", label: "viewer: reads everything but keys and settings" },
  { value: "operator", label: "operator: also dispatches, cancels, retries" },
  { value: "admin", label: "admin: also makes keys" },
];
const LIFETIMES = [
  { value: "", label: "never" },
  { value: "30", label: "in 30 days" },
  { value: "90", label: "in 90 days" },
  { value: "365", label: "in a year" },
];

interface Props {
  csrf: string;
  errors: readonly FieldError[];
  isBusy: boolean;
  onMake: (form: HTMLFormElement) => void;
}

export function NewKeyForm({ csrf, errors, isBusy, onMake }: Props) {
  const nameError = errors.find(({ path }) => path === "name")?.message;
  return (
    <form
      method="post"
      action="/settings?view=keys"
      class="flex flex-wrap items-end gap-4 border-t border-base-300 p-4"
      aria-label="Make an API key"
      onSubmit={(event) => {
        event.preventDefault();
        onMake(event.currentTarget);
      }}
    >
      <input type="hidden" name="csrf" value={csrf} />
      <input type="hidden" name="action" value="create" />
      <div class="min-w-48 flex-1">
        <label class="mb-1.5 block font-semibold" for="key-name">Name of the new key</label>
        <input
          id="key-name"
          name="name"
          class={`input w-full ${nameError === undefined ? "" : "border-error"}`}
          required
          maxLength={64}
          autocomplete="off"
          aria-invalid={nameError !== undefined}
          aria-describedby="key-name-about"
        />
      </div>
      <div class="min-w-48 flex-1">
        <label class="mb-1.5 block font-semibold" for="key-role">Role</label>
        <select id="key-role" name="role" class="select w-full">
          {ROLES.map(({ value, label }) => <option key={value} value={value}>{label}</option>)}
        </select>
      </div>
      <div class="min-w-32">
        <label class="mb-1.5 block font-semibold" for="key-expires">Expires</label>
        <select id="key-expires" name="expiresInDays" class="select w-full">
          {LIFETIMES.map(({ value, label }) => <option key={value} value={value}>{label}</option>)}
        </select>
      </div>
      <button type="submit" class="btn btn-primary" aria-disabled={isBusy}>Make 1 key</button>
      <p id="key-name-about" class={`w-full text-xs ${nameError === undefined ? "text-muted" : "text-failed"}`}>
        {nameError ?? "The program or person that will use it. It stands in the history and can't be given twice."}
      </p>
    </form>
  );
}
