import { NO_ID, newest } from "./frames.ts";

/** From where the next socket has to replay: `after`. */
export class Cursor {
  #after: string;
  #newestHere = NO_ID;
  #isComplete = false;

  constructor(after = NO_ID) {
    this.#after = after;
  }

  get after(): string {
    return this.#after;
  }

  /** A new socket: until it has replayed everything, what it sends proves nothing of what lies before. */
  opened(): void {
    this.#newestHere = NO_ID;
    this.#isComplete = false;
  }

  received(messageId: string): void {
    this.#newestHere = newest(this.#newestHere, messageId);
    if (this.#isComplete) this.#after = newest(this.#after, messageId);
  }

  /** Everything up to `last` is here, and all that this socket has sent. */
  completed(last: string): void {
    this.#isComplete = true;
    this.#after = newest(last, this.#newestHere);
  }
}
