import type { components } from "./generated/user.ts";
import type { Http } from "./http.ts";
import { Refusal } from "./refusal.ts";

export type AccountView = components["schemas"]["AccountView"];
type CreatedAccount = components["schemas"]["CreatedAccount"];

/** Who this browser is signed in as. All its tabs share the cookie. */
export class Account {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** null without a live session. */
  async findMe(): Promise<AccountView | null> {
    return this.#http.call<AccountView>("/api/user/me").catch(nullIf(401, 404));
  }

  /** The account of that name that is signed in, or a new one. */
  async signIn(name: string): Promise<void> {
    const me = await this.findMe();
    if (me?.name !== name.trim()) await this.#http.call<CreatedAccount>("/api/user", { method: "POST", body: { name } });
  }

  /** null where this session may not see that person. */
  async find(userId: string): Promise<AccountView | null> {
    return this.#http.call<AccountView>(`/api/user?uid=${userId}`).catch(nullIf(401, 404));
  }

  async logout(): Promise<void> {
    await this.#http.call("/api/user/logout", { method: "POST" }).catch(nullIf(401));
  }
}

function nullIf(...statuses: number[]): (thrown: unknown) => null {
  return (thrown) => {
    if (thrown instanceof Refusal && statuses.includes(thrown.status)) return null;
    throw thrown;
  };
}
