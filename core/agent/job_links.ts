/** How jobs work together: messages between them, and one that leads. Both reach the jobs of one Greenroom instance. */

export interface PublishOptions {
  /** "room" (default): jobs in the same room. "everywhere": all jobs. Publisher and subscriber must say the same. */
  scope?: "room" | "everywhere";
}

export interface JobMessage {
  readonly topic: string;
  readonly data: unknown;
  /** The job that published it. */
  readonly from: { readonly jobId: string; readonly agent: string; readonly room: string };
}

export type JobMessageHandler = (message: JobMessage) => void | Promise<void>;

export interface Subscription {
  unsubscribe(): Promise<void>;
}

/** A job's candidacy. It ends with the job, or by `resign`. */
export interface Leadership {
  readonly isLeader: boolean;
  /** Counts up with every leader of this name; null until elected. Hand it on to tell a late old leader's writes apart. */
  readonly term: number | null;
  /** Resolves when this job leads. Rejects with JobEndedError when the job ends first. */
  readonly elected: Promise<void>;
  /** Aborts when this job no longer leads. */
  readonly signal: AbortSignal;
  /** Lets the next one lead. */
  resign(): Promise<void>;
}
