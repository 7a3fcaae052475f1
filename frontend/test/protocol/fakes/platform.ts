// A browser's document: it lives until it is reloaded, and its storage lives on.
import type { Platform, Socket, Transfer } from "../../../src/protocol/platform.ts";
import type { FakeClock } from "./clock.ts";
import { Conduct } from "./conduct.ts";
import { Wire } from "./wire.ts";

export interface FakeNetwork {
  /** Answers a request; rejects where nobody listens. */
  answer(url: string, init: RequestInit): Promise<{ status: number; body?: unknown }>;
  connect(wire: Wire): void;
  complain(what: string): void;
  put?(url: string, body: Blob, onProgress: (fraction: number) => void): Transfer;
}

export class FakeTab {
  readonly stored = new Map<string, string>();
  readonly claims = new Set<string>();
  /** What it has sent at least once. */
  readonly tried = new Set<string>();
}

export class FakePlatform implements Platform {
  readonly origin = "http://chat.test";
  readonly storage;
  readonly wires: Wire[] = [];
  online = true;
  readonly #clock: FakeClock;
  readonly #network: FakeNetwork;
  readonly #random: () => number;
  readonly #wakeListeners = new Set<() => void>();
  readonly #tab: FakeTab;
  readonly #held = new Set<string>();
  readonly #allClaims: Set<string>;
  #isAlive = true;

  constructor(clock: FakeClock, network: FakeNetwork, random: () => number, tab = new FakeTab(), allClaims = tab.claims) {
    this.#clock = clock;
    this.#network = network;
    this.#random = random;
    this.#allClaims = allClaims;
    this.#tab = tab;
    this.storage = {
      getItem: (key: string) => tab.stored.get(key) ?? null,
      setItem: (key: string, value: string) => void (this.#isAlive && tab.stored.set(key, value)),
      removeItem: (key: string) => void (this.#isAlive && tab.stored.delete(key)),
    };
  }

  get wire(): Wire | undefined {
    return this.wires.findLast((wire) => !wire.isBrowserGone && !wire.isServerGone);
  }

  /** The document ends without a word to its scripts. */
  end(): void {
    this.wire?.leave();
    this.#isAlive = false;
    for (const name of this.#held) this.#allClaims.delete(name);
  }

  wake(): void {
    for (const listener of [...this.#wakeListeners]) listener();
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    await this.#delay();
    const answer = this.#network.answer(url, init);
    const aborted = new Promise<never>((_, reject) => init.signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    const { status, body } = await Promise.race([answer, aborted]);
    await this.#delay();
    if (!this.#isAlive) return new Promise(() => {});
    return new Response(body === undefined ? null : JSON.stringify(body), { status });
  }

  #delay(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(1 + this.#random() * 150, resolve));
  }

  openSocket(url: string, protocols: string[]): Socket {
    const conduct = new Conduct(this.#tab.tried, (what) => this.#network.complain(what));
    const wire = new Wire(this.#clock, this.#random, url.replace("ws://chat.test", ""), protocols, conduct);
    this.wires.push(wire);
    if (this.online) this.#network.connect(wire);
    else this.#clock.after(1, () => wire.close(1006));
    return wire.browser;
  }

  put(url: string, body: Blob, onProgress: (fraction: number) => void): Transfer {
    if (!this.#network.put) throw new Error("no files here");
    return this.#network.put(url, body, onProgress);
  }

  now(): number {
    return this.#clock.now;
  }

  after(delayMs: number, action: () => void): () => void {
    return this.#clock.after(delayMs, () => this.#isAlive && action());
  }

  random(): number {
    return this.#random();
  }

  newId(): string {
    return Array.from({ length: 4 }, () => Math.floor(this.#random() * 2 ** 32).toString(16)).join("-");
  }

  isOnline(): boolean {
    return this.online;
  }

  onWake(listener: () => void): () => void {
    this.#wakeListeners.add(listener);
    return () => this.#wakeListeners.delete(listener);
  }

  async claim(name: string): Promise<boolean> {
    if (this.#allClaims.has(name)) return false;
    this.#allClaims.add(name);
    this.#held.add(name);
    return true;
  }
}
