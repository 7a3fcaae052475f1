import { Cursor } from "./cursor.ts";
import type { SyncPayload } from "./frames.ts";
import type { History } from "./history.ts";
import type { Platform } from "./platform.ts";

const AGAIN_MS = 2_000;

/** Sees to it that a new socket misses nothing of what was said before it. */
export class CatchingUp {
  readonly #platform: Platform;
  readonly #history: History;
  readonly #complete: () => void;
  readonly #cursor = new Cursor();
  /** Which socket it is: what was begun for an earlier one is of no use. */
  #socket = 0;
  #isComplete = false;

  /** `complete`: everything that the server had is here. */
  constructor(platform: Platform, history: History, complete: () => void) {
    this.#platform = platform;
    this.#history = history;
    this.#complete = complete;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** From where the next socket has to replay. */
  get after(): string {
    return this.#cursor.after;
  }

  /** A page that was reloaded reads what it needs first, and replays the rest. Rejects with a `Refusal`. */
  async readNewest(): Promise<void> {
    this.#cursor.completed(await this.#history.readNewest());
  }

  opened(): void {
    this.#socket++;
    this.#cursor.opened();
  }

  received(messageId: string): void {
    this.#cursor.received(messageId);
  }

  lost(): void {
    this.#socket++;
    this.#isComplete = false;
  }

  synced({ recovered, last }: SyncPayload): void {
    if (recovered) this.#end(last);
    else void this.#reread(last);
  }

  /** Too much was missed for a replay. The cursor stays where it was until all of it is here. */
  async #reread(last: string): Promise<void> {
    const socket = this.#socket;
    while (socket === this.#socket) {
      try {
        await this.#history.readSince(this.#cursor.after);
        if (socket === this.#socket) this.#end(last);
        return;
      } catch {
        await new Promise<void>((resolve) => this.#platform.after(AGAIN_MS, resolve));
      }
    }
  }

  #end(last: string): void {
    this.#cursor.completed(last);
    this.#isComplete = true;
    this.#complete();
  }
}
