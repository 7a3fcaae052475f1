import type { Problem, Search, SearchState, Wish } from "./api.ts";
import type { MatchFrame } from "./frames.ts";
import { Line, type LineOwner } from "./line.ts";
import { Value } from "./observable.ts";
import type { Platform } from "./platform.ts";
import { problemOf, Refusal } from "./refusal.ts";

export interface Match {
  readonly token: string;
  readonly channelId: string;
  readonly commonInterests: readonly string[];
}

export interface SearchOwner {
  /** Called where a socket was refused: a page can't see why, and perhaps the session is over. */
  signIn(): Promise<void>;
  matched(match: Match): void;
  failed(problem: Problem): void;
}

/** Waits for a partner until there is one or `stop` is called; then it tells its owner nothing more. */
export class LiveSearch implements Search, LineOwner {
  readonly state: Value<SearchState>;
  readonly beat = null;
  readonly #platform: Platform;
  readonly #owner: SearchOwner;
  readonly #path: string;
  readonly #line: Line;
  #isOver = false;

  constructor(platform: Platform, wish: Wish, owner: SearchOwner) {
    this.#platform = platform;
    this.#owner = owner;
    this.#path = pathOf(wish);
    this.#line = new Line(platform, this);
    this.state = new Value<SearchState>({ connection: this.#line.connection, since: null });
  }

  start(): void {
    this.#line.start();
  }

  stop(): void {
    this.#isOver = true;
    this.#line.stop();
  }

  address(): { path: string; protocols: string[] } {
    return { path: this.#path, protocols: [] };
  }

  opened(): void {}

  received(text: string): void {
    const { access_token: token, channel_id: channelId, waited_ms, common_interests } = JSON.parse(text) as MatchFrame;
    if (token && channelId) {
      this.stop();
      this.#owner.matched({ token, channelId, commonInterests: common_interests ?? [] });
    } else if (waited_ms !== undefined) {
      this.#change({ since: this.#platform.now() - waited_ms });
    }
  }

  lost(wasOpen: boolean): void {
    if (!wasOpen) this.#owner.signIn().catch((thrown: unknown) => this.#fail(problemOf(thrown)));
  }

  refused(code: number): void {
    this.#fail(problemOf(new Refusal(code === 4501 ? "signed_out" : "search_ended", "The server has ended the search.", false)));
  }

  changed(): void {
    this.#change({ connection: this.#line.connection });
  }

  #fail(problem: Problem): void {
    if (this.#isOver || problem.retryable) return;
    this.stop();
    this.#owner.failed(problem);
  }

  #change(part: Partial<SearchState>): void {
    this.state.set({ ...this.state.get(), ...part });
  }
}

function pathOf({ interests, language }: Wish): string {
  const query = new URLSearchParams();
  if (interests.length > 0) query.set("interests", interests.join(","));
  if (language !== "") query.set("lang", language);
  return query.size > 0 ? `/api/match?${query}` : "/api/match";
}
