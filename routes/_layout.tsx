import { Header } from "../components/layout/Header.tsx";
import { currentItem } from "../components/layout/navigation.ts";
import { PhoneNavigation } from "../components/layout/PhoneNavigation.tsx";
import { SideNavigation } from "../components/layout/SideNavigation.tsx";
import { Icon } from "../components/Icon.tsx";
import { shortId } from "../components/format.ts";
import { define } from "./(_shared)/define.ts";
import { themeOf } from "./(_shared)/theme.ts";

/** Navigation, header and main, around every page that does not skip it (sign-in does). */
export default define.layout(async function Layout({ Component, state, url, req }) {
  const { parts } = state.controlPlane;
  const current = currentItem(url.pathname);
  // Refusals are shown to people who have not signed in, too.
  const counts = state.principal && parts ? await parts.counts.read() : null;
  return (
    <>
      <a
        href="#main"
        class="btn btn-primary btn-sm absolute left-2 top-2 z-50 -translate-y-20 focus:translate-y-0"
        aria-current="false"
      >
        Skip to content
      </a>
      <div class="min-h-screen md:grid md:grid-cols-[3.75rem_minmax(0,1fr)] xl:grid-cols-[13rem_minmax(0,1fr)]">
        <SideNavigation current={current} counts={counts} />
        <div class="min-w-0">
          <Header
            title={<PageTitle pathname={url.pathname} title={current?.title ?? "Greenroom"} />}
            theme={themeOf(req)}
            account={state.principal && { ...state.principal, csrf: state.csrfToken ?? "" }}
            now={new Date().toISOString()}
          />
          <main id="main" tabIndex={-1} class="p-4 pb-24 outline-none md:pb-8 lg:p-6">
            <Component />
          </main>
        </div>
      </div>
      <PhoneNavigation current={current} counts={counts} />
    </>
  );
});

/** The page of one dispatch or bulk operation shows here the way to it. */
function PageTitle({ pathname, title }: { pathname: string; title: string }) {
  const [, kind, id] = /^\/(dispatches|operations)\/([^/]+)/.exec(pathname) ?? [];
  if (pathname === "/operations") return <h1 class="truncate text-lg font-bold tracking-tight">Bulk operations</h1>;
  if (id === undefined) return <h1 class="truncate text-lg font-bold tracking-tight">{title}</h1>;
  return (
    <nav aria-label="Where you are" class="flex min-w-0 items-center gap-1.5 text-muted">
      <a class="row-link" href={kind === "operations" ? "/operations" : "/jobs"} aria-current="false">
        {kind === "operations" ? "Bulk operations" : title}
      </a>
      <Icon name="i-right" class="size-3.5 flex-none" />
      {kind === "operations"
        ? (
          <h1 class="id truncate font-semibold text-base-content">
            {id === "new" ? "preview" : shortId(id)}
          </h1>
        )
        : <b class="id truncate font-semibold text-base-content">{shortId(id)}</b>}
    </nav>
  );
}
