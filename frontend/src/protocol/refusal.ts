import type { Problem } from "./api.ts";

/** A request that was not granted, or that got no answer (`network`). */
export class Refusal extends Error implements Problem {
  readonly code: string;
  readonly retryable: boolean;
  /** Of the answer; 0 where there was none. */
  readonly status: number;

  constructor(code: string, message: string, retryable: boolean, status = 0) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.retryable = retryable;
    this.status = status;
  }
}

export function noAnswer(): Refusal {
  return new Refusal("network", "The server does not answer.", true);
}

/** What was thrown, as a plain value for a state. */
export function problemOf(thrown: unknown): Problem {
  if (!(thrown instanceof Refusal)) return { code: "internal", message: String(thrown), retryable: false };
  return { code: thrown.code, message: thrown.message, retryable: thrown.retryable };
}
