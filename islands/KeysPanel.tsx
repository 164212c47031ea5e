/** API keys: list, make (the key is shown once), revoke. The forms work without JavaScript too. */
import { useState } from "preact/hooks";
import { Alert, type AlertText } from "../components/Alert.tsx";
import { CopyButton } from "../components/CopyButton.tsx";
import type { FieldError } from "../components/dispatch/metadata_schema.ts";
import { plural } from "../components/format.ts";
import { useNow } from "../components/live/use_live_page.ts";
import { write } from "../components/live/write.ts";
import { Panel } from "../components/Panel.tsx";
import { KeysTable } from "../components/settings/KeysTable.tsx";
import { NewKeyForm } from "../components/settings/NewKeyForm.tsx";
import type { KeyRow, KeysData, MadeKey } from "../components/settings/types.ts";

interface Props extends KeysData {
  csrf: string;
  now: string;
}

export default function KeysPanel({ adminKeyFrom, csrf, now, ...initial }: Props) {
  const [keys, setKeys] = useState(initial.keys);
  const [made, setMade] = useState(initial.made);
  const [problem, setProblem] = useState<AlertText | null>(initial.problem);
  const [errors, setErrors] = useState<FieldError[]>([]);
  const [isBusy, setBusy] = useState(false);
  const nowMs = useNow(Date.parse(now));
  const send = async <T,>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<T | null> => {
    if (isBusy) return null;
    setBusy(true);
    const answer = await write<T>(method, path, body);
    setBusy(false);
    setProblem(answer.ok ? null : answer.problem);
    setErrors(answer.ok ? [] : answer.errors);
    return answer.ok ? answer.value : null;
  };
  const make = async (form: HTMLFormElement) => {
    const fields = new FormData(form);
    const days = String(fields.get("expiresInDays") ?? "");
    const body = {
      name: String(fields.get("name") ?? "").trim(),
      role: fields.get("role"),
      ...(days === "" ? {} : { expiresInDays: Number(days) }),
    };
    const answer = await send<KeyRow & MadeKey>("POST", "/api/v1/keys", body);
    if (answer === null) return;
    const { key, ...row } = answer;
    setMade({ name: row.name, role: row.role, key });
    setKeys([row, ...keys]);
    form.reset();
  };
  const revoke = async ({ id }: KeyRow) => {
    const row = await send<KeyRow>("DELETE", `/api/v1/keys/${id}`);
    if (row !== null) setKeys(keys.map((each) => each.id === id ? row : each));
  };
  return (
    <Panel
      id="keys"
      title="API keys"
      class="panel overflow-hidden"
      aside={`${plural(keys.filter(({ revokedAt }) => revokedAt === null).length + 1, "key")} not revoked`}
    >
      {problem && <Alert {...problem} />}
      {made && <Made made={made} />}
      <KeysTable keys={keys} adminKeyFrom={adminKeyFrom} csrf={csrf} nowMs={nowMs} onRevoke={revoke} />
      <NewKeyForm csrf={csrf} errors={errors} isBusy={isBusy} onMake={make} />
    </Panel>
  );
}

function Made({ made: { name, role, key } }: { made: MadeKey }) {
  return (
    <div role="status" class="grid gap-2 border-b border-base-300 p-4">
      <p>
        <b class="font-semibold">{name} may now do what {role}s do.</b>{" "}
        <span class="text-muted">Copy its key now: it is shown this once and kept nowhere.</span>
      </p>
      <p class="flex flex-wrap items-center gap-2">
        <code class="id rounded-field border border-line px-2 py-1.5 text-sm wrap-anywhere select-all">{key}</code>
        <CopyButton label="Copy the key" text={() => key} class="btn btn-quiet btn-sm" />
      </p>
    </div>
  );
}
