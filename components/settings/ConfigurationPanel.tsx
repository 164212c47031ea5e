/** Every setting: what it is and where that comes from. A secret is only said to be set. */
import { plural } from "../format.ts";
import { Panel } from "../Panel.tsx";
import { TableRegion } from "../Table.tsx";
import type { EffectiveSetting } from "./types.ts";

const SOURCES = { environment: "environment", default: "default", made: "made here" };

export function ConfigurationPanel({ settings }: { settings: readonly EffectiveSetting[] }) {
  const given = settings.filter(({ source }) => source === "environment").length;
  return (
    <Panel
      id="configuration"
      title="Configuration"
      class="panel overflow-hidden"
      lead={<span class="text-muted">of this instance; changed by environment variables and a restart</span>}
      aside={given === 0 ? "all have their defaults" : `${plural(given, "setting")} from the environment`}
    >
      <TableRegion label="Configuration">
        <thead>
          <tr>
            <th scope="col">Variable</th>
            <th scope="col">Value</th>
            <th scope="col">From</th>
            <th scope="col" class="max-lg:hidden">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {settings.map((setting) => <Row key={setting.name} setting={setting} />)}
        </tbody>
      </TableRegion>
    </Panel>
  );
}

function Row({ setting }: { setting: EffectiveSetting }) {
  const { env, source, note, meaning } = setting;
  return (
    <tr data-setting={env}>
      <td class="id">{env}</td>
      <td class="max-w-96 truncate" title={setting.value ?? undefined}>
        <Value setting={setting} />
      </td>
      <td class={source === "default" ? "text-faint" : "font-semibold"}>
        {SOURCES[source]}
        {note !== null && (
          <span class="block max-w-72 truncate text-xs font-normal text-muted" title={note}>{note}</span>
        )}
      </td>
      <td class="max-w-xl py-1.5! whitespace-normal! text-muted max-lg:hidden">{meaning}</td>
    </tr>
  );
}

function Value({ setting: { value, isSecret, isSet, unit } }: { setting: EffectiveSetting }) {
  if (!isSet) return <span class="text-faint">not set</span>;
  if (isSecret || value === null) {
    return (
      <span title="Secrets are not shown">
        •••••••• <span class="text-muted">set</span>
      </span>
    );
  }
  return (
    <>
      {value} {unit !== "" && <span class="text-faint">{unit}</span>}
    </>
  );
}
