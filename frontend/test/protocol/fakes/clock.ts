// Time that passes only when a test says so.

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

export class FakeClock {
  now = 1_800_000_000_000;
  #timers: Timer[] = [];
  #count = 0;

  after(delayMs: number, action: () => void): () => void {
    const timer = { at: this.now + Math.max(0, Math.ceil(delayMs)), order: this.#count++, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Runs what is due meanwhile, each at its time. */
  async advance(byMs: number): Promise<void> {
    const end = this.now + byMs;
    await settled();
    for (let timer = this.#next(end); timer; timer = this.#next(end)) {
      this.#timers = this.#timers.filter((other) => other !== timer);
      this.now = Math.max(this.now, timer.at);
      timer.action();
      await settled();
    }
    this.now = end;
  }

  /** Time passes, and nobody notices: a machine that sleeps. */
  sleep(byMs: number): void {
    this.now += byMs;
  }

  #next(end: number): Timer | undefined {
    const due = this.#timers.filter(({ at }) => at <= end);
    return due.sort((one, other) => one.at - other.at || one.order - other.order)[0];
  }
}

/** All promises that can go on have gone on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Small, fast, and the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
