import type { components } from "./generated/user.ts";
import type { Http } from "./http.ts";
import type { Platform } from "./platform.ts";
import { Refusal } from "./refusal.ts";

export type AccountView = components["schemas"]["AccountView"];
type CreatedAccount = components["schemas"]["CreatedAccount"];

const SIGNED_IN = "rc:signed-in";

/** Who this browser is signed in as. All its tabs share the cookie. */
export class Account {
  readonly #http: Http;

  readonly #shared: Platform["shared"];

  constructor(http: Http, shared: Platform["shared"]) {
    this.#http = http;
    this.#shared = shared;
  }

  /** null without a live session. */
  async findMe(): Promise<AccountView | null> {
    return this.#http.call<AccountView>("/api/user/me").catch(nullIf(401, 404));
  }

  /** The account of that name that is signed in, or a new one. */
  async signIn(name: string): Promise<void> {
    const me = this.#mayBeSignedIn ? await this.findMe() : null;
    if (me?.name !== name.trim()) await this.#http.call<CreatedAccount>("/api/user", { method: "POST", body: { name } });
    this.#shared?.setItem(SIGNED_IN, "1");
  }

  /** null where this session may not see that person. */
  async find(userId: string): Promise<AccountView | null> {
    return this.#http.call<AccountView>(`/api/user?uid=${userId}`).catch(nullIf(401, 404));
  }

  async logout(): Promise<void> {
    await this.#http.call("/api/user/logout", { method: "POST" }).catch(nullIf(401));
    this.#shared?.removeItem(SIGNED_IN);
  }

  /** A page can't see its session; asking without one makes the browser write an error for every newcomer. */
  get #mayBeSignedIn(): boolean {
    return this.#shared === undefined || this.#shared.getItem(SIGNED_IN) !== null;
  }
}

function nullIf(...statuses: number[]): (thrown: unknown) => null {
  return (thrown) => {
    if (thrown instanceof Refusal && statuses.includes(thrown.status)) return null;
    throw thrown;
  };
}
