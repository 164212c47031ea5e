/** Writes of the dashboard: the same REST routes as everyone's, with the page's CSRF token. */
import type { AlertText } from "../Alert.tsx";

export type WriteResult<T> =
  | { ok: true; value: T }
  | { ok: false; problem: AlertText; errors: { path: string; message: string }[] };

/** Never rejects: what went wrong is in the result. */
export async function write<T>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<WriteResult<T>> {
  const csrf = document.querySelector<HTMLMetaElement>("meta[name=csrf]")?.content ?? "";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { "x-greenroom-csrf": csrf, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const detail = `The request did not arrive: ${error instanceof Error ? error.message : error}.`;
    return failed({ title: "Greenroom can't be reached", detail, remedy: "See that it runs, then try again." });
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return { ok: true, value: answer as T };
  return failed({
    title: answer?.title ?? `The server answered ${response.status}`,
    detail: answer?.detail ?? "",
    remedy: answer?.remedy ?? null,
  }, answer?.errors);
}

function failed(problem: AlertText, errors?: { path: string; message: string }[]): WriteResult<never> {
  return { ok: false, problem, errors: errors ?? [] };
}
