import type { Connection } from "./api.ts";
import { Backoff } from "./backoff.ts";
import type { Platform, Socket } from "./platform.ts";
import { Pulse } from "./pulse.ts";

const OPENING_MS = 14_000;
const STABLE_MS = 5_000;
const DONE = 1000;
const BROKEN = 1006;
const nothing = (): void => {};

export interface LineOwner {
  /** Where to connect to this time. */
  address(): { path: string; protocols: string[] };
  /** A frame that makes the server answer; null where it speaks unasked, every few seconds. */
  readonly beat: object | null;
  opened(): void;
  received(text: string): void;
  /** The line broke, and comes back by itself. `wasOpen`: it had been connected. */
  lost(wasOpen: boolean): void;
  /** The server does not want this client back; the line is stopped. */
  refused(code: number): void;
  /** `connection` may have changed. */
  changed(): void;
}

/** A WebSocket that comes back by itself until it is stopped. */
export class Line {
  readonly #platform: Platform;
  readonly #owner: LineOwner;
  readonly #backoff: Backoff;
  readonly #pulse: Pulse;
  #socket: Socket | null = null;
  #isOpen = false;
  #isStopped = true;
  #retryAt: number | null = null;
  #forgetWake = nothing;
  /** Of what this line waits for: an opening, five good seconds, or the next try. */
  #cancelTimer = nothing;

  constructor(platform: Platform, owner: LineOwner) {
    this.#platform = platform;
    this.#owner = owner;
    this.#backoff = new Backoff(() => platform.random());
    this.#pulse = new Pulse(platform, () => owner.beat && this.send(owner.beat), () => this.restart());
  }

  get connection(): Connection {
    if (this.#isOpen) return "open";
    return this.#platform.isOnline() ? "connecting" : "offline";
  }

  /** When the next try is due; null while one is under way, or none is needed. */
  get retryAt(): number | null {
    return this.#retryAt;
  }

  /** Connects at once, where no socket is there yet. */
  start(): void {
    if (this.#isStopped) this.#forgetWake = this.#platform.onWake(() => this.#wake());
    this.#isStopped = false;
    if (this.#socket !== null) return;
    this.#backoff.reset();
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    this.#forgetWake();
    this.#drop();
  }

  /** Gives the present socket up: it is dead, or must be another one. */
  restart(): void {
    if (!this.#isStopped) this.#ended(BROKEN);
  }

  /** Whether the frame could be handed to an open socket. */
  send(frame: object): boolean {
    if (this.#isOpen) this.#socket?.send(JSON.stringify(frame));
    return this.#isOpen;
  }

  #connect(): void {
    this.#retryAt = null;
    const { path, protocols } = this.#owner.address();
    const socket = this.#platform.openSocket(this.#platform.origin.replace(/^http/, "ws") + path, protocols);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => {
      this.#pulse.heard();
      this.#owner.received(String(data)); // the server sends text only
    };
    socket.onclose = ({ code }) => this.#ended(code);
    this.#wait(OPENING_MS, () => this.restart());
  }

  #opened(): void {
    this.#isOpen = true;
    this.#wait(STABLE_MS, () => this.#backoff.reset());
    this.#pulse.start();
    this.#owner.changed();
    this.#owner.opened();
  }

  #wake(): void {
    this.#owner.changed();
    if (!this.#isOpen) this.start();
    else if (this.#owner.beat !== null) this.#pulse.doubt();
  }

  #ended(code: number): void {
    const wasOpen = this.#isOpen;
    this.#drop();
    if (code >= 4500 && code < 5000) {
      this.stop();
      this.#owner.refused(code);
      return;
    }
    const delayMs = this.#backoff.next();
    this.#retryAt = this.#platform.now() + delayMs;
    this.#wait(delayMs, () => this.#connect());
    this.#owner.changed();
    this.#owner.lost(wasOpen);
  }

  #drop(): void {
    this.#cancelTimer();
    this.#retryAt = null;
    this.#pulse.stop();
    this.#isOpen = false;
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(DONE);
  }

  #wait(delayMs: number, action: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#platform.after(delayMs, action);
  }
}
