// A WebSocket between a fake browser and a fake server: in order, late, and cut at any moment.
import type { Socket } from "../../../src/protocol/platform.ts";
import type { FakeClock } from "./clock.ts";
import type { Conduct } from "./conduct.ts";

export interface WireEnd {
  received(text: string): void;
  closed(code: number): void;
}

export class Wire {
  readonly path: string;
  readonly protocols: readonly string[];
  readonly #clock: FakeClock;
  readonly #random: () => number;
  readonly #browser: Socket;
  readonly #conduct: Conduct | null;
  #server: WireEnd | null = null;
  #toBrowserAt = 0;
  #toServerAt = 0;
  isBrowserGone = false;
  isServerGone = false;
  /** Nothing comes through, and nobody is told. */
  isMute = false;

  constructor(clock: FakeClock, random: () => number, path: string, protocols: readonly string[], conduct: Conduct | null = null) {
    this.#clock = clock;
    this.#random = random;
    this.path = path;
    this.protocols = protocols;
    this.#conduct = conduct;
    this.#browser = {
      onopen: null, onmessage: null, onclose: null,
      send: (text) => {
        this.#conduct?.sent(text);
        this.#toServer(() => this.#server?.received(text));
      },
      close: () => this.leave(),
    };
  }

  get browser(): Socket {
    return this.#browser;
  }

  /** The server takes it. */
  accept(server: WireEnd): void {
    this.#server = server;
    this.#toBrowser(() => this.#browser.onopen?.(new Event("open")));
  }

  send(frame: object): void {
    const data = JSON.stringify(frame);
    this.#toBrowser(() => {
      this.#conduct?.received(data);
      this.#browser.onmessage?.({ data } as MessageEvent);
    });
  }

  /** The server closes, or never takes it: 1006. */
  close(code: number): void {
    if (this.isServerGone) return;
    this.#toBrowser(() => this.#browser.onclose?.({ code } as CloseEvent));
    this.isServerGone = true;
  }

  /** The browser's side goes; what it had sent still arrives. */
  leave(): void {
    if (this.isBrowserGone) return;
    this.#toServer(() => this.#endServer(1000));
    this.isBrowserGone = true;
  }

  /** Both learn of it, each at its time; what is under way is lost, or still comes to the server. */
  cut(losesFrames: boolean): void {
    if (losesFrames) this.#server && this.#clock.after(0, () => this.#endServer(1006));
    else this.#toServer(() => this.#endServer(1006));
    if (losesFrames) this.isServerGone = true;
    this.isBrowserGone = true;
    this.#clock.after(0, () => this.#browser.onclose?.({ code: 1006 } as CloseEvent));
  }

  #endServer(code: number): void {
    const server = this.#server;
    this.#server = null;
    this.isServerGone = true;
    server?.closed(code);
  }

  #toServer(action: () => void): void {
    if (this.isBrowserGone) return;
    this.#toServerAt = Math.max(this.#toServerAt, this.#clock.now + this.#latency());
    this.#clock.after(this.#toServerAt - this.#clock.now, () => !this.isMute && action());
  }

  #toBrowser(action: () => void): void {
    if (this.isServerGone) return;
    this.#toBrowserAt = Math.max(this.#toBrowserAt, this.#clock.now + this.#latency());
    this.#clock.after(this.#toBrowserAt - this.#clock.now, () => !this.isBrowserGone && !this.isMute && action());
  }

  #latency(): number {
    return 1 + Math.floor(this.#random() * 60);
  }
}
