import { page } from "fresh";
import { Head } from "fresh/runtime";
import type { Context } from "fresh";
import type { SignInVerdict } from "../core/auth/auth.ts";
import { DatabaseError } from "../db/database_error.ts";
import { safeNextPath } from "../core/auth/next_path.ts";
import { isHttpsRequest, readSessionCookie, sessionCookie } from "../core/auth/session_cookie.ts";
import { addressOf, hostOf } from "./(_shared)/access.ts";
import { define, type State } from "./(_shared)/define.ts";
import { readText } from "./(_shared)/input.ts";

const MAX_FORM_BYTES = 8_192;
const MOTIF_SLOTS = 24;
const MOTIF_CALL = 17;

/** What went wrong, and what to do. */
interface Notice {
  title: string;
  detail: string;
}

interface SignInData {
  next: string;
  notice: Notice | null;
}

/** The sign-in page: a form for an API key, and the place where the one-time link leads. Works without JavaScript. */
export const handler = define.handlers({
  async GET(ctx) {
    const next = safeNextPath(ctx.url.searchParams.get("next"));
    const token = ctx.url.searchParams.get("token");
    if (token === null) return ctx.state.principal ? seeOther(next) : page<SignInData>({ next, notice: null });
    // A browser that fetches ahead must not use the link up.
    const isAhead = /prefetch|prerender/i.test(ctx.req.headers.get("sec-purpose") ?? "") || ctx.req.method === "HEAD";
    if (isAhead || ctx.state.controlPlane.auth.sessions === null) return notYet(next);
    const { auth, databaseProblem } = ctx.state.controlPlane;
    // No session can be opened, and the link must not be used up for it.
    if (databaseProblem !== null) throw new DatabaseError(databaseProblem);
    const verdict = await auth.signInWithLink(token, addressOf(ctx.info), readSessionCookie(ctx.req.headers));
    return answer(ctx, verdict, { next, by: "link" });
  },

  async POST(ctx) {
    const body = await readText(ctx.req, MAX_FORM_BYTES);
    if (!body.ok) return body.response;
    const form = new URLSearchParams(body.value);
    const next = safeNextPath(form.get("next"));
    const { auth } = ctx.state.controlPlane;
    if (auth.sessions === null) return notYet(next);
    const key = (form.get("key") ?? "").trim();
    const verdict = await auth.signInWithKey(key, addressOf(ctx.info), readSessionCookie(ctx.req.headers));
    return answer(ctx, verdict, { next, by: "key" });
  },
});

function answer(ctx: Context<State>, verdict: SignInVerdict, { next, by }: { next: string; by: "key" | "link" }) {
  const { auth } = ctx.state.controlPlane;
  const fields = { by, address: addressOf(ctx.info) };
  const entry = { action: "sign_in", target: null, fields };
  switch (verdict.kind) {
    case "signed_in": {
      const { name, role } = verdict.principal;
      auth.audit.add({ ...entry, actor: `dashboard:${name}`, role, outcome: "ok" });
      const { cookie, maxAgeMs } = verdict;
      return seeOther(next, sessionCookie(cookie, { maxAgeMs, isHttps: isHttpsRequest(ctx.req) }));
    }
    case "unknown":
      auth.audit.add({ ...entry, actor: "anonymous", role: null, outcome: "refused" });
      return page<SignInData>({ next, notice: by === "key" ? WRONG_KEY : USED_LINK }, { status: 401 });
    case "limited": {
      const { retryAfterSeconds } = verdict;
      const notice = {
        title: "Too many tries from this address.",
        detail: `Try again in ${retryAfterSeconds} s. Programs that use an API key are not held up.`,
      };
      return page<SignInData>({ next, notice }, { status: 429, headers: { "retry-after": `${retryAfterSeconds}` } });
    }
  }
}

const WRONG_KEY: Notice = {
  title: "This key is not valid.",
  detail: "It may be mistyped, expired or revoked. An admin can make a new one.",
};
const USED_LINK: Notice = {
  title: "This link does not work any more.",
  detail:
    "It works once, for 15 min after the start. Use an API key; the first one's file is named in the program's log.",
};

function notYet(next: string) {
  const notice = { title: "Greenroom is starting.", detail: "Try again in a moment." };
  return page<SignInData>({ next, notice }, { status: 503, headers: { "retry-after": "1" } });
}

function seeOther(location: string, cookie?: string): Response {
  const headers = new Headers({ location });
  if (cookie !== undefined) headers.set("set-cookie", cookie);
  return new Response(null, { status: 303, headers });
}

export const config = { skipInheritedLayouts: true };

export default define.page<typeof handler>(({ data: { next, notice }, req }) => (
  <main class="grid min-h-screen content-center justify-items-center gap-6 p-4">
    <Head>
      <title>Sign in · Greenroom</title>
    </Head>
    <div class="w-full max-w-sm">
      <div class="mb-6 flex items-center gap-3">
        <Mark />
        <div>
          <h1 class="text-xl font-bold leading-tight">Greenroom</h1>
          <p class="text-muted">{hostOf(req)}</p>
        </div>
      </div>
      <form class="panel grid gap-4 p-6" method="post" action="/sign-in" aria-label="Sign in">
        {notice && <NoticeBox {...notice} />}
        <input type="hidden" name="next" value={next} />
        <div>
          <label class="mb-1.5 block font-semibold" for="key">API key</label>
          <input
            id="key"
            name="key"
            class="input w-full font-mono"
            type="password"
            autocomplete="current-password"
            required
            autofocus
            aria-describedby="key-hint"
            {...(notice ? { "aria-invalid": true } : {})}
          />
          <p id="key-hint" class="mt-1.5 text-xs text-muted">
            The first admin key is in the file that the program names when it starts.
          </p>
        </div>
        <button class="btn btn-primary w-full" type="submit">Sign in</button>
      </form>
      <SlotMotif />
      <p class="mt-3 text-xs text-muted">Every change you make is written to the audit log.</p>
    </div>
  </main>
));

function NoticeBox({ title, detail }: Notice) {
  return (
    <div role="alert" class="flex gap-2.5 rounded-field border border-base-300 p-3" data-state="failed">
      <svg class="mt-0.5 size-4 flex-none" style="color: var(--c)" viewBox="0 0 16 16" aria-hidden="true">
        <rect x="2.25" y="2.25" width="11.5" height="11.5" rx="2.25" fill="currentColor" />
        <path
          d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"
          stroke="var(--color-base-100)"
          stroke-width="1.7"
          stroke-linecap="round"
        />
      </svg>
      <p>
        <b class="font-semibold">{title}</b> <span class="text-muted">{detail}</span>
      </p>
    </div>
  );
}

/** The product's sign: a row of free slots, one of them on a call. */
function SlotMotif() {
  return (
    <div class="mt-6 grid gap-1.5" aria-hidden="true" style="--slot-h: 1rem">
      <div class="slots">
        {Array.from({ length: MOTIF_SLOTS }, (_, index) => {
          const isCall = index === MOTIF_CALL;
          return <i key={index} class="slot" data-s={isCall ? "call" : "free"} style={isCall ? "" : "opacity: 0.45"} />;
        })}
      </div>
    </div>
  );
}

function Mark() {
  return (
    <svg class="size-8" viewBox="0 0 16 16" aria-hidden="true">
      <path
        d="M13.5 5.5V4A2.5 2.5 0 0 0 11 1.5H5A2.5 2.5 0 0 0 2.5 4v8A2.5 2.5 0 0 0 5 14.5h6a2.5 2.5 0 0 0 2.5-2.5v-1.5"
        fill="none"
        stroke="currentColor"
        stroke-width="1.9"
        stroke-linecap="round"
      />
      <circle cx="10.3" cy="8" r="2.3" fill="var(--st-served-fill)" />
    </svg>
  );
}
