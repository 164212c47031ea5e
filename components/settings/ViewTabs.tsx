/** The page's own navigation: links, so that it works without JavaScript and each view has an address. */
import { settingsHref, type View } from "./types.ts";

export function ViewTabs({ views, view }: { views: readonly { view: View; title: string }[]; view: View }) {
  if (views.length < 2) return null;
  return (
    <nav aria-label="Settings" class="flex flex-wrap gap-1.5">
      {views.map((each) => (
        <a
          key={each.view}
          class="btn btn-seg btn-sm"
          href={settingsHref(each.view)}
          aria-current={each.view === view ? "true" : "false"}
        >
          {each.title}
        </a>
      ))}
    </nav>
  );
}
