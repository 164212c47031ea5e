import { largestOf, pathsOf, type Series } from "./series.ts";

/** A line without axes, beside the figure that it explains; never announced. */
export function Spark({ values, colour, class: className = "spark w-20", top }: {
  values: (number | null)[];
  colour: string;
  class?: string;
  top?: number;
}) {
  const series: Series = { values, colour };
  const { line, fill, newest } = pathsOf(series, top ?? Math.max(1, largestOf([series]) * 1.15));
  return (
    <span class={className} aria-hidden="true">
      <svg viewBox="0 0 600 100" preserveAspectRatio="none" aria-hidden="true">
        <path d={fill} fill={colour} fill-opacity=".13" />
        <path d={line + newest} fill="none" stroke={colour} stroke-width="1.5" />
      </svg>
    </span>
  );
}
