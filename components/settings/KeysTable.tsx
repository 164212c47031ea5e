/** API keys with their role and last use; each valid one can be revoked, which asks first. */
import { AskInRow } from "../Ask.tsx";
import { State } from "../State.tsx";
import { TableRegion } from "../Table.tsx";
import { Time } from "../Time.tsx";
import type { KeyRow } from "./types.ts";

interface Props {
  keys: readonly KeyRow[];
  adminKeyFrom: string;
  csrf: string;
  nowMs: number;
  onRevoke: (key: KeyRow) => void;
}

export function KeysTable({ keys, adminKeyFrom, csrf, nowMs, onRevoke }: Props) {
  return (
    <TableRegion label="API keys">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col">State</th>
          <th scope="col" class="num max-md:hidden">Made</th>
          <th scope="col" class="num max-md:hidden">Last used</th>
          <th scope="col" class="num max-md:hidden">Expires</th>
          <th scope="col">
            <span class="sr-only">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <td class="font-semibold">admin</td>
          <td>admin</td>
          <td>
            <State state="serving" word="valid" />
          </td>
          <td class="text-muted" colSpan={4}>from {adminKeyFrom}; change it there</td>
        </tr>
        {keys.map((key) => <Row key={key.id} row={key} csrf={csrf} nowMs={nowMs} onRevoke={onRevoke} />)}
      </tbody>
    </TableRegion>
  );
}

function Row(
  { row, csrf, nowMs, onRevoke }: { row: KeyRow; csrf: string; nowMs: number; onRevoke: (key: KeyRow) => void },
) {
  const { name, role, createdAt, lastUsedAt, expiresAt } = row;
  const state = stateOf(row, nowMs);
  return (
    <tr data-key={name} class="align-top">
      <td class="py-2! font-semibold">{name}</td>
      <td class="py-2!">{role}</td>
      <td class="py-2!">
        <State {...state} />
      </td>
      <td class="num py-2! text-muted max-md:hidden">
        <Time at={createdAt} nowMs={nowMs} />
      </td>
      <td class="num py-2! text-muted max-md:hidden">
        {lastUsedAt === null ? <span class="text-faint">never</span> : <Time at={lastUsedAt} nowMs={nowMs} />}
      </td>
      <td class="num py-2! text-muted max-md:hidden">
        {expiresAt === null ? <span class="text-faint">never</span> : <Time at={expiresAt} shape="minute" />}
      </td>
      <td class="num py-2!">
        {state.word === "valid" && (
          <AskInRow
            id={`revoke-${row.id}`}
            verb="Revoke"
            name={name}
            action="/settings?view=keys"
            fields={{ csrf, action: "revoke", id: row.id }}
            onSubmit={() => onRevoke(row)}
          >
            Programs that use {name}, and browsers signed in with it, are refused at once. It can't be taken back.
          </AskInRow>
        )}
      </td>
    </tr>
  );
}

function stateOf({ revokedAt, expiresAt }: KeyRow, nowMs: number): { state: string; word: string } {
  if (revokedAt !== null) return { state: "cancelled", word: "revoked" };
  if (expiresAt !== null && Date.parse(expiresAt) <= nowMs) return { state: "expired", word: "expired" };
  return { state: "serving", word: "valid" };
}
