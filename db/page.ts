/** Keyset pagination over (created_at, id), newest first; the cursor is opaque to callers. */
export interface Cursor {
  createdAt: Date;
  id: string;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The end of the year 9999: what comes after it is written in a form that Postgres does not read. */
const MAX_MS = 253_402_300_799_999;

export function encodeCursor(cursor: Cursor): string {
  return btoa(`${cursor.createdAt.getTime()}:${cursor.id}`).replaceAll("=", "").replaceAll("+", "-").replaceAll(
    "/",
    "_",
  );
}

/** Null when the text is not a cursor that we made. */
export function decodeCursor(text: string): Cursor | null {
  try {
    const [ms, id] = atob(text.replaceAll("-", "+").replaceAll("_", "/")).split(":");
    if (!ms || !id || !/^\d{1,15}$/.test(ms) || Number(ms) > MAX_MS || !UUID.test(id)) return null;
    return { createdAt: new Date(Number(ms)), id };
  } catch {
    return null; // not base64: the caller answers 400, nothing is lost
  }
}
