/** Colours: as the system, light or dark. The choice works without JavaScript; with it, it is kept for a year. */
import { Icon } from "../components/Icon.tsx";

const CHOICES = [
  { value: "", label: "As system" },
  { value: "greenroom-light", label: "Light" },
  { value: "greenroom-dark", label: "Dark" },
];
const KEEP_SECONDS = 31_536_000;

export default function ThemeChoice({ initial }: { initial: string }) {
  const keep = (value: string) => {
    document.cookie = `theme=${value}; path=/; max-age=${value === "" ? 0 : KEEP_SECONDS}; samesite=lax`;
  };
  return (
    <details class="dropdown dropdown-end">
      <summary class="btn btn-ghost btn-sm btn-square" aria-label="Colours">
        <Icon name="i-sun" />
      </summary>
      <fieldset class="dropdown-content z-40 mt-1 grid w-36 gap-1 rounded-box border border-base-300 bg-base-100 p-2 shadow-overlay">
        <legend class="sr-only">Colours</legend>
        {CHOICES.map(({ value, label }) => (
          <label class="flex h-8 items-center gap-2 px-2" key={value}>
            <input
              type="radio"
              name="theme"
              class="theme-controller radio radio-xs"
              value={value}
              defaultChecked={value === initial}
              onChange={() => keep(value)}
            />
            {label}
          </label>
        ))}
      </fieldset>
    </details>
  );
}
