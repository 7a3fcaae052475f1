import type { Platform } from "./platform.ts";

const REPEAT_MS = 3_000;
const IDLE_MS = 4_000;
const EXPIRY_MS = 8_000;
const nothing = (): void => {};

/** Tells the peer that the person writes: at most every 3 s, and that it is over after 4 s of rest. */
export class OwnTyping {
  readonly #platform: Platform;
  readonly #tell: (payload: "istyping" | "endtyping") => void;
  #toldAt: number | null = null;
  #cancelRest = nothing;

  constructor(platform: Platform, tell: (payload: "istyping" | "endtyping") => void) {
    this.#platform = platform;
    this.#tell = tell;
  }

  typed(): void {
    const now = this.#platform.now();
    if (this.#toldAt === null || now - this.#toldAt >= REPEAT_MS) {
      this.#toldAt = now;
      this.#tell("istyping");
    }
    this.#cancelRest();
    this.#cancelRest = this.#platform.after(IDLE_MS, () => this.rest());
  }

  rest(): void {
    const wasTold = this.#toldAt !== null;
    this.forget();
    if (wasTold) this.#tell("endtyping");
  }

  /** The line broke: the server has forgotten it too. */
  forget(): void {
    this.#toldAt = null;
    this.#cancelRest();
  }
}

/** What the peer was last said to do; it lapses, since the word that ends it may get lost. */
export class PeerTyping {
  readonly #platform: Platform;
  readonly #changed: () => void;
  #cancelExpiry = nothing;
  isTyping = false;

  constructor(platform: Platform, changed: () => void) {
    this.#platform = platform;
    this.#changed = changed;
  }

  started(): void {
    this.#cancelExpiry();
    this.#cancelExpiry = this.#platform.after(EXPIRY_MS, () => this.ended());
    this.#set(true);
  }

  ended(): void {
    this.#cancelExpiry();
    this.#set(false);
  }

  #set(isTyping: boolean): void {
    if (this.isTyping === isTyping) return;
    this.isTyping = isTyping;
    this.#changed();
  }
}
