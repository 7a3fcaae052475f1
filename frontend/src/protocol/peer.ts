import type { Account } from "./account.ts";
import type { Peer } from "./api.ts";
import { Backoff } from "./backoff.ts";
import type { Http } from "./http.ts";
import type { components } from "./generated/chat.ts";
import type { Platform } from "./platform.ts";

type Presence = Peer["presence"];

/** Who the other one is, and whether they are there. */
export class PeerWatch {
  readonly #platform: Platform;
  readonly #http: Http;
  readonly #account: Account;
  readonly #me: string;
  readonly #token: () => string;
  readonly #changed: () => void;
  #who = { id: "", name: "", picture: "" };
  #presence: Exclude<Presence, "awaited"> = "unknown";
  #wasHere = false;
  #isStopped = false;

  constructor(platform: Platform, http: Http, account: Account, me: string, token: () => string, changed: () => void) {
    this.#platform = platform;
    this.#http = http;
    this.#account = account;
    this.#me = me;
    this.#token = token;
    this.#changed = changed;
  }

  get peer(): Omit<Peer, "typing"> {
    const presence = this.#presence === "away" && !this.#wasHere ? "awaited" : this.#presence;
    return { ...this.#who, presence };
  }

  get hasLeft(): boolean {
    return this.#presence === "left";
  }

  /** Asks for the name until it is known, or this session turns out not to be told. */
  async introduce(): Promise<void> {
    const backoff = new Backoff(() => this.#platform.random());
    while (!this.#isStopped) {
      try {
        await this.#ask();
        return;
      } catch {
        await new Promise<void>((resolve) => this.#platform.after(1000 + backoff.next(), resolve));
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** The peer has written something, at any time. */
  spoke(): void {
    this.#wasHere = true;
  }

  acted(isMine: boolean, what: string): void {
    if (what === "joined") this.#become("online");
    else if (what === "waiting" && isMine) this.#become("away");
    else if (what === "offline" && !isMine) this.#become("away");
    else if (what === "reconnecting" && !isMine) this.#become("reconnecting");
    else if (what === "leaved" && !isMine) this.#become("left");
  }

  #become(presence: Exclude<Presence, "awaited">): void {
    if (presence === "online") this.#wasHere = true;
    this.#presence = presence;
    this.#changed();
  }

  async #ask(): Promise<void> {
    const path = "/api/chat/users";
    const { user_ids } = await this.#http.call<components["schemas"]["UserIds"]>(path, { token: this.#token() });
    const id = user_ids.find((userId) => userId !== this.#me) ?? "";
    const account = id === "" ? null : await this.#account.find(id);
    this.#who = { id, name: account?.name ?? "", picture: account?.picture ?? "" };
    this.#changed();
  }
}
