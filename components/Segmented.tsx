/** One of a few: radio buttons side by side. Works as a plain form field. */
interface SegmentedProps {
  legend: string;
  name: string;
  options: readonly { value: string; label: string }[];
  value: string;
  onChange: (value: string) => void;
}

const SEGMENT = "btn btn-seg btn-sm join-item min-w-0 flex-1 px-1 has-focus-visible:outline-2 " +
  "has-focus-visible:outline-offset-2 has-focus-visible:outline-accent";

export function Segmented({ legend, name, options, value, onChange }: SegmentedProps) {
  return (
    <fieldset class="min-w-0">
      <legend class="mb-1.5 font-semibold">{legend}</legend>
      <div class="join w-full">
        {options.map((option) => (
          <label class={SEGMENT} key={option.value}>
            <input
              type="radio"
              class="sr-only"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
