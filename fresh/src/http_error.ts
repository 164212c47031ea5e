/** Status codes that an HttpError may carry; literals, so that a typo or a 2xx is a type error. */
export type ErrorStatus =
  // deno-fmt-ignore
  | 400 | 401 | 402 | 403 | 404 | 405 | 406 | 407 | 408 | 409 | 410 | 411 | 412 | 413 | 414 | 415 | 416 | 417 | 418
  | 421 | 422 | 423 | 424 | 425 | 426 | 428 | 429 | 431 | 451 | 500 | 501 | 502 | 503 | 504 | 505 | 506 | 507 | 508 | 510 | 511;

const NAMES: Partial<Record<ErrorStatus, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** Thrown by a handler, middleware or component to end the request with `status`; error pages see it as `props.error`. */
export class HttpError extends Error {
  readonly status: ErrorStatus;
  override readonly name = "HttpError";

  constructor(status: ErrorStatus, message?: string, options?: ErrorOptions) {
    super(message ?? NAMES[status] ?? `HTTP ${status}`, options);
    this.status = status;
  }
}
