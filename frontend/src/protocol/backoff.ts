const FIRST_MS = 500;
const MOST_MS = 20_000;

/** Full jitter: a crowd that lost its server does not come back all at once. */
export class Backoff {
  readonly #random: () => number;
  #tries = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  next(): number {
    return this.#random() * Math.min(MOST_MS, FIRST_MS * 2 ** this.#tries++);
  }

  reset(): void {
    this.#tries = 0;
  }
}
