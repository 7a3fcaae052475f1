import type { components } from "./generated/chat.ts";
import type { Http } from "./http.ts";
import type { Platform } from "./platform.ts";

const AGAIN_MS = 30_000;
const TIMER_MOST_MS = 2 ** 31 - 1;

/** A channel token, and when it came: the clocks of server and browser may differ. */
export interface HeldToken {
  readonly text: string;
  readonly receivedAt: number;
}

interface Claims {
  sub: string;
  iat: number;
  exp: number;
}

export function claimsOf(token: string): Claims {
  const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(payload)) as Claims;
}

/** Gets a fresh token long before the present one ends. */
export class Renewal {
  readonly #platform: Platform;
  readonly #http: Http;
  readonly #renewed: (token: HeldToken) => void;
  #token: HeldToken;
  #cancel = (): void => {};

  constructor(platform: Platform, http: Http, token: HeldToken, renewed: (token: HeldToken) => void) {
    this.#platform = platform;
    this.#http = http;
    this.#token = token;
    this.#renewed = renewed;
  }

  get text(): string {
    return this.#token.text;
  }

  get hasExpired(): boolean {
    return this.#platform.now() >= this.#token.receivedAt + lifetimeMs(this.#token);
  }

  start(): void {
    this.#schedule(this.#token.receivedAt + 0.75 * lifetimeMs(this.#token) - this.#platform.now());
  }

  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
  }

  #schedule(delayMs: number): void {
    this.#cancel();
    this.#cancel = this.#platform.after(Math.min(Math.max(0, delayMs), TIMER_MOST_MS), () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const before = this.#cancel;
    try {
      const { access_token: text } = await this.#ask();
      if (this.#cancel !== before) return;
      this.#token = { text, receivedAt: this.#platform.now() };
      this.start();
      this.#renewed(this.#token);
    } catch {
      if (this.#cancel === before) this.#schedule(AGAIN_MS);
    }
  }

  #ask(): Promise<components["schemas"]["AccessToken"]> {
    return this.#http.call("/api/chat/token", { method: "POST", token: this.text });
  }
}

function lifetimeMs({ text }: HeldToken): number {
  const { iat, exp } = claimsOf(text);
  return 1000 * (exp - iat);
}
