import { Panel } from "../Panel.tsx";

export function MetadataPanel({ metadata }: { metadata: unknown }) {
  return (
    <Panel id="metadata-shown" title="Metadata">
      {metadata === null || metadata === undefined
        ? <p class="p-4 text-muted">None was given.</p>
        : (
          <pre class="id scroll-x p-4 leading-5" tabIndex={0} aria-label="Metadata as JSON">
            {typeof metadata === "string" ? metadata : JSON.stringify(metadata, null, 2)}
          </pre>
        )}
    </Panel>
  );
}
