import type { Platform } from "./platform.ts";

const ASK_AFTER_MS = 10_000;
const ANSWER_MS = 15_000;
const WOKEN_ANSWER_MS = 5_000;

/**
 * Notices that an open line is dead: 25 s after its last sign of life. Timers of hidden pages run late, so silence alone proves
 * nothing: only a question that stays without an answer does.
 */
export class Pulse {
  readonly #platform: Platform;
  readonly #ask: () => void;
  readonly #dead: () => void;
  #isAsking = false;
  #judgeAt = 0;
  #cancel = (): void => {};

  /** `ask` sends a beat; or nothing, where the other side speaks unasked. */
  constructor(platform: Platform, ask: () => void, dead: () => void) {
    this.#platform = platform;
    this.#ask = ask;
    this.#dead = dead;
  }

  start(): void {
    this.heard();
    this.#wait(ASK_AFTER_MS);
  }

  stop(): void {
    this.#cancel();
  }

  heard(): void {
    this.#isAsking = false;
  }

  /** The machine may have slept: ask at once, and be quick to judge. */
  doubt(): void {
    const soon = this.#platform.now() + WOKEN_ANSWER_MS;
    this.#judgeAt = this.#isAsking ? Math.min(this.#judgeAt, soon) : soon;
    this.#isAsking = true;
    this.#ask();
    this.#wait(this.#judgeAt - this.#platform.now());
  }

  #wait(delayMs: number): void {
    this.#cancel();
    this.#cancel = this.#platform.after(Math.max(0, delayMs), () => this.#check());
  }

  #check(): void {
    if (this.#isAsking && this.#platform.now() >= this.#judgeAt) {
      this.#dead();
      return;
    }
    if (!this.#isAsking) {
      this.#isAsking = true;
      this.#judgeAt = this.#platform.now() + ANSWER_MS;
      this.#ask();
    }
    this.#wait(Math.min(ASK_AFTER_MS, this.#judgeAt - this.#platform.now()));
  }
}
