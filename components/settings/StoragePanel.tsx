/** Version, room taken, and how long things are kept. */
import { Fragment } from "preact";
import { bytes, count, duration } from "../format.ts";
import { Panel } from "../Panel.tsx";
import { TableRegion } from "../Table.tsx";
import { Time } from "../Time.tsx";
import { Unknown } from "../Unknown.tsx";
import type { StorageData } from "./types.ts";

export function StoragePanel(
  { data: { storage, retention, facts, startedAt }, now }: { data: StorageData; now: string },
) {
  const { databaseBytes, kinds, dataDir } = storage;
  const largest = Math.max(1, ...kinds.map((kind) => kind.bytes));
  return (
    <div class="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-2">
      <Panel id="version" title="This instance">
        <dl class="facts p-4">
          {facts.map(({ name, value }) => (
            <Fragment key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </Fragment>
          ))}
          <dt>Started</dt>
          <dd>
            <Time at={startedAt} shape="exact" />, up {duration(Date.parse(now) - Date.parse(startedAt))}
          </dd>
          <dt>Data directory</dt>
          <dd>
            <span class="id">{dataDir.path}</span>: {dataDir.isAtLeast && "at least "}
            {bytes(dataDir.bytes)}, {bytes(dataDir.freeBytes)} free on its disk
          </dd>
        </dl>
      </Panel>
      <Panel id="retention" title="How long things are kept" class="panel overflow-hidden">
        <TableRegion label="Retention">
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Kept</th>
              <th scope="col" class="max-md:hidden">By</th>
            </tr>
          </thead>
          <tbody>
            {retention.map(({ what, kept, by }) => (
              <tr key={what}>
                <td>{what}</td>
                <td class="font-semibold">{kept}</td>
                <td class="text-muted max-md:hidden">{by}</td>
              </tr>
            ))}
          </tbody>
        </TableRegion>
      </Panel>
      <Panel
        id="storage"
        title="Database"
        class="panel overflow-hidden lg:col-span-2"
        aside={
          <span>
            {bytes(databaseBytes)} in all, read at <Time at={storage.at} />
          </span>
        }
      >
        <TableRegion label="Database size by kind">
          <thead>
            <tr>
              <th scope="col">Kind</th>
              <th scope="col" class="w-1/2 max-md:hidden">
                <span class="sr-only">Share</span>
              </th>
              <th scope="col" class="num">Size</th>
              <th scope="col" class="num">Rows, about</th>
            </tr>
          </thead>
          <tbody>
            {kinds.map((kind) => (
              <tr key={kind.kind}>
                <td>{kind.kind}</td>
                <td class="max-md:hidden">
                  <span
                    class="block h-2 rounded-sm"
                    style={`background: var(--chart-1); width: max(2px, ${Math.round(kind.bytes / largest * 100)}%)`}
                    aria-hidden="true"
                  >
                  </span>
                </td>
                <td class="num">{sizeOf(kind.bytes)}</td>
                <td class="num">
                  {kind.estimatedRows === null
                    ? <Unknown why="not counted yet" />
                    : count(Math.round(kind.estimatedRows))}
                </td>
              </tr>
            ))}
          </tbody>
        </TableRegion>
      </Panel>
    </div>
  );
}

function sizeOf(value: number): string {
  return value < 1_048_576 ? `${Math.max(1, Math.round(value / 1_024))} kB` : bytes(value);
}
