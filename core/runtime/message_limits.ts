/** Limits of messages that both ends need; beside messages.ts, because children do not load the schemas. */

/** Values of an author's metrics in one message. */
export const MAX_METRIC_POINTS = 500;
