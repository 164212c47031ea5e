/**
 * The first sign-in: a link that opens a session once, within LIFETIME_MS, made at each start until somebody has signed in
 * with this data directory. On a terminal it is printed; otherwise it goes to a file of mode 600 whose path is printed,
 * because logs are kept and shipped. Only the link's digest is in memory. Using it, by whoever, ends it.
 */
import { rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, isSameDigest, makeSecret } from "./secrets.ts";

const LIFETIME_MS = 15 * 60_000;
const LINK_FILE = "sign-in-link";
const MARKER_FILE = "signed-in";

export class SignInLink {
  readonly #dataDir: string;
  #digest: string | null = null;
  #expiresAtMs = 0;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Path of the file that `store` writes. */
  get path(): string {
    return join(this.#dataDir, LINK_FILE);
  }

  /** The link, or null when somebody has signed in before. `url` is the server's own, without a slash at its end. */
  async make(url: string, now = new Date()): Promise<string | null> {
    if (await this.#wasUsedBefore()) return null;
    const token = makeSecret();
    this.#digest = digestOf(token);
    this.#expiresAtMs = now.getTime() + LIFETIME_MS;
    return `${url}/sign-in?token=${token}`;
  }

  /** The file is there with its link, or not at all. */
  async store(link: string): Promise<void> {
    const unfinished = `${this.path}.new`;
    await rm(unfinished, { force: true });
    await writeFile(unfinished, `${link}\n`, { mode: 0o600, flag: "wx" });
    await rename(unfinished, this.path);
  }

  /** Whether the token is the link's; true once. */
  use(token: string, now = new Date()): boolean {
    const digest = this.#digest;
    if (digest === null || now.getTime() >= this.#expiresAtMs || !isSameDigest(digest, digestOf(token))) return false;
    this.#digest = null;
    return true;
  }

  /** Somebody has signed in: there is no link any more, and none at the next start. */
  async retire(): Promise<void> {
    this.#digest = null;
    await rm(this.path, { force: true });
    if (!await this.#wasUsedBefore()) await writeFile(join(this.#dataDir, MARKER_FILE), "", { mode: 0o600 });
  }

  async #wasUsedBefore(): Promise<boolean> {
    try {
      await stat(join(this.#dataDir, MARKER_FILE));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
  }
}
