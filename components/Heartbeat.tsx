/** Age first, countdown second; the bar is what is left of the lease. */
interface Props {
  ageMs: number;
  leaseMs: number;
}

export function Heartbeat({ ageMs, leaseMs }: Props) {
  const leftMs = Math.max(0, leaseMs - ageMs);
  const seconds = (ms: number) => Math.round(ms / 1_000);
  return (
    <span class="beat" data-state={leftMs === 0 ? "attention" : undefined}>
      <span class="beat-bar" aria-hidden="true" style={`--left: ${Math.round(leftMs / leaseMs * 100)}`}>
        <i></i>
      </span>
      <span>
        seen {seconds(ageMs)} s ago{" "}
        <span class="text-muted">· {leftMs === 0 ? "stale" : `stale in ${seconds(leftMs)} s`}</span>
      </span>
    </span>
  );
}
