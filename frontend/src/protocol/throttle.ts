import type { Platform } from "./platform.ts";

/** Runs an action at once, but not more often than once a while: then late, and once for all calls. */
export class Throttle {
  readonly #platform: Platform;
  readonly #everyMs: number;
  readonly #action: () => void;
  #ranAt = -Infinity;
  #cancel: (() => void) | null = null;

  constructor(platform: Platform, everyMs: number, action: () => void) {
    this.#platform = platform;
    this.#everyMs = everyMs;
    this.#action = action;
  }

  call(): void {
    const dueInMs = this.#ranAt + this.#everyMs - this.#platform.now();
    if (dueInMs <= 0) this.now();
    else this.#cancel ??= this.#platform.after(dueInMs, () => this.now());
  }

  now(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#ranAt = this.#platform.now();
    this.#action();
  }
}
