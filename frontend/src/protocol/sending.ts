import type { Problem } from "./api.ts";
import type { ErrorPayload } from "./frames.ts";
import type { Outbox } from "./outbox.ts";
import type { Platform } from "./platform.ts";

const ANSWER_MS = 14_000;
const HOLD_AT_LEAST_MS = 200;
const nothing = (): void => {};

export interface Wire {
  send(frame: object): boolean;
  /** Another socket, please. */
  restart(): void;
}

/** Hands the outbox to the wire, and reads the answers. */
export class Sending {
  readonly #platform: Platform;
  readonly #outbox: Outbox;
  readonly #wire: Wire;
  #isReady = false;
  #held: Problem | null = null;
  #heldUntil = 0;
  #cancelHold = nothing;
  #cancelWatch = nothing;

  constructor(platform: Platform, outbox: Outbox, wire: Wire) {
    this.#platform = platform;
    this.#outbox = outbox;
    this.#wire = wire;
  }

  /** Why messages have to wait, though there is a socket. */
  get held(): Problem | null {
    return this.#held;
  }

  /** A new socket is ready for messages. */
  begin(): void {
    this.#isReady = true;
    this.pump();
  }

  /** The socket is gone. */
  end(): void {
    this.#isReady = false;
    this.#held = null;
    this.#cancelHold();
    this.#cancelWatch();
    this.#outbox.startOver();
  }

  pump(): void {
    if (!this.#isReady) return;
    for (const { letter, isRetry } of this.#outbox.take(this.#platform.now())) {
      const frame = { event: letter.event, payload: letter.payload, client_id: letter.clientId };
      this.#wire.send(isRetry ? { ...frame, retry: true } : frame);
    }
    this.#watch();
  }

  acknowledged(clientId: string): void {
    this.#held = null;
    this.#outbox.acknowledge(clientId);
    this.#answered();
  }

  refused(clientId: string, { code, msg, retryable, retry_after_ms }: ErrorPayload): void {
    if (!retryable) {
      this.#outbox.fail(clientId, { code, message: msg, retryable });
      this.#answered();
    } else if (code === "resend_first" && this.#outbox.isOldest(clientId)) {
      this.#wire.restart();
    } else if (this.#outbox.goBack(clientId)) {
      if (code !== "resend_first") {
        this.#held = { code, message: msg, retryable };
        this.#hold(Math.max(HOLD_AT_LEAST_MS, retry_after_ms));
      }
      this.#answered();
    }
  }

  #hold(forMs: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#platform.now() + forMs);
  }

  #answered(): void {
    if (!this.#outbox.isGoingBack) {
      this.pump();
      return;
    }
    this.#watch();
    this.#cancelHold();
    this.#cancelHold = this.#platform.after(Math.max(0, this.#heldUntil - this.#platform.now()), () => {
      if (this.#outbox.goOn()) this.pump();
    });
  }

  // A server that says nothing of a message, and yet lives, is asked on a new socket.
  #watch(): void {
    this.#cancelWatch();
    const since = this.#outbox.waitsSince;
    if (since === null) return;
    this.#cancelWatch = this.#platform.after(since + ANSWER_MS - this.#platform.now(), () => this.#wire.restart());
  }
}
