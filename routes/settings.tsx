import { page } from "fresh";
import { AuditPanel } from "../components/settings/AuditPanel.tsx";
import { ConfigurationPanel } from "../components/settings/ConfigurationPanel.tsx";
import { StoragePanel } from "../components/settings/StoragePanel.tsx";
import { type MadeKey, settingsHref, type View, VIEWS } from "../components/settings/types.ts";
import { ViewTabs } from "../components/settings/ViewTabs.tsx";
import type { AlertText } from "../components/Alert.tsx";
import { includesRole } from "../core/auth/principal.ts";
import ChecksPanel from "../islands/ChecksPanel.tsx";
import KeysPanel from "../islands/KeysPanel.tsx";
import { requireRole } from "./(_shared)/access.ts";
import { define } from "./(_shared)/define.ts";
import { isUuid, readForm } from "./(_shared)/input.ts";
import { keyRequestSchema } from "./(_shared)/key_views.ts";
import { makeKey, revokeKey } from "./(_shared)/make_key.ts";
import { pageData } from "./(_shared)/page.ts";
import { partsOf } from "./(_shared)/parts.ts";
import { invalidInput } from "./(_shared)/problem.ts";
import { settingsData } from "./(_shared)/settings_data.ts";

export const handler = define.handlers({
  /** `view` says what is shown, `cursor` goes on in the audit log, `run` runs the checks. */
  async GET(ctx) {
    const { searchParams } = ctx.url;
    const view = viewOf(searchParams.get("view"));
    const refused = requireRole(ctx, roleOf(view), `settings.${view}`);
    if (refused) return refused;
    const [cursor, isRun] = [searchParams.get("cursor"), searchParams.has("run")];
    if (isRun && view === "checks") await partsOf(ctx.state).checks.run();
    return pageData(await settingsData(ctx.state, { view, cursor }));
  },

  /** Makes or revokes a key without JavaScript; the made key is in this answer and nowhere else. */
  async POST(ctx) {
    const refused = requireRole(ctx, "admin", "key.change");
    if (refused) return refused;
    const body = await readForm(ctx.req, partsOf(ctx.state).config.maxBodyBytes);
    if (!body.ok) return body.response;
    const form = body.value;
    if (form.get("action") === "revoke") {
      const id = String(form.get("id") ?? "");
      requireRole(ctx, "admin", "key.revoke", id);
      if (isUuid(id)) await revokeKey(ctx.state, id);
      return ctx.redirect(settingsHref("keys"), 303);
    }
    requireRole(ctx, "admin", "key.create");
    const days = String(form.get("expiresInDays") ?? "");
    const request = keyRequestSchema.safeParse({
      name: form.get("name"),
      role: form.get("role"),
      ...(days === "" ? {} : { expiresInDays: Number(days) }),
    });
    const made = request.success
      ? await makeKey(ctx.state, request.data)
      : { ok: false as const, response: invalidInput(request.error, "body") };
    const shown = made.ok
      ? { made: { name: made.row.name, role: made.row.role, key: made.key } satisfies MadeKey }
      : { problem: await made.response.clone().json() as AlertText };
    const status = made.ok ? 201 : made.response.status;
    const data = await settingsData(ctx.state, { view: "keys", cursor: null, ...shown });
    return page(data, { status, headers: { "cache-control": "no-store" } });
  },
});

export default define.page<typeof handler>(({ data, state }) => {
  const { view, views, now, storage, checks, settings, keys, audit } = data;
  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
      <ViewTabs views={views} view={view} />
      {storage && <StoragePanel data={storage} now={now} />}
      {checks && <ChecksPanel initial={checks.report} />}
      {settings && <ConfigurationPanel settings={settings} />}
      {keys && <KeysPanel {...keys} csrf={state.csrfToken ?? ""} now={now} />}
      {audit && <AuditPanel data={audit} />}
      {state.principal && !includesRole(state.principal.role, "admin") && (
        <p class="text-muted">
          Your role is {state.principal.role}: keys, configuration and the audit log are for admins.
        </p>
      )}
    </div>
  );
});

function viewOf(text: string | null): View {
  return VIEWS.find(({ view }) => view === text)?.view ?? "storage";
}

function roleOf(view: View) {
  return VIEWS.find((each) => each.view === view)?.role ?? "admin";
}
