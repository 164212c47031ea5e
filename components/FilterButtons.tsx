/** Which part of a list is shown: one of a few, side by side. Only for what the browser filters. */
interface Props<Value extends string> {
  label: string;
  options: readonly (readonly [value: Value, word: string])[];
  value: Value;
  class?: string;
  onChange: (value: Value) => void;
}

export function FilterButtons<Value extends string>(
  { label, options, value, class: className, onChange }: Props<Value>,
) {
  return (
    <div class={`join ${className ?? ""}`} role="group" aria-label={label}>
      {options.map(([each, word]) => (
        <button
          key={each}
          type="button"
          class="btn btn-seg btn-xs join-item"
          aria-pressed={each === value}
          onClick={() => onChange(each)}
        >
          {word}
        </button>
      ))}
    </div>
  );
}
