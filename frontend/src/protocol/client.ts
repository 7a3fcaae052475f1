import { Account } from "./account.ts";
import type { Client, ClientState, Problem, Wish } from "./api.ts";
import { LiveConversation, type Keeper } from "./conversation.ts";
import { Http } from "./http.ts";
import { TabMemory, type Talk } from "./memory.ts";
import { Value } from "./observable.ts";
import type { Platform } from "./platform.ts";
import { problemOf } from "./refusal.ts";
import { LiveSearch, type Match } from "./search.ts";

/** The client of this tab, as its last page left it. */
export async function openClient(platform: Platform): Promise<Client> {
  const client = new LiveClient(platform, await TabMemory.open(platform));
  client.resume();
  return client;
}

class LiveClient implements Client {
  readonly state: Value<ClientState>;
  readonly #platform: Platform;
  readonly #memory: TabMemory;
  readonly #http: Http;
  readonly #account: Account;
  #search: LiveSearch | null = null;
  #conversation: LiveConversation | null = null;
  /** Counts what the person wanted: whatever was begun for an earlier wish is not carried on. */
  #turn = 0;

  constructor(platform: Platform, memory: TabMemory) {
    this.#platform = platform;
    this.#memory = memory;
    this.#http = new Http(platform);
    this.#account = new Account(this.#http, platform.shared);
    this.state = new Value(this.#snapshot("start"));
  }

  resume(): void {
    const { talk, isSearching, wish } = this.#memory.notes;
    if (talk) this.#converse(talk, true);
    else if (isSearching) this.#seek(wish);
  }

  async start(name: string, wish: Wish): Promise<void> {
    const turn = this.#leaveStage();
    this.#memory.note({ name: name.trim(), wish });
    this.state.set({ ...this.#snapshot("start"), busy: true });
    try {
      await this.#account.signIn(name);
      if (turn === this.#turn) this.#seek(wish);
    } catch (thrown) {
      if (turn === this.#turn) this.#goToStart(problemOf(thrown));
    }
  }

  cancel(): void {
    if (this.#conversation === null) this.#goToStart(null);
  }

  async leave(): Promise<void> {
    await this.#conversation?.leave();
  }

  async next(): Promise<void> {
    await this.leave();
    const { name, wish } = this.#memory.notes;
    await this.start(name, wish);
  }

  async quit(): Promise<void> {
    await this.leave();
    this.#goToStart(null);
  }

  async logout(): Promise<void> {
    await this.#account.logout();
    this.#memory.note({ name: "" });
    this.#goToStart(null);
  }

  #seek(wish: Wish): void {
    this.#leaveStage();
    this.#memory.note({ isSearching: true });
    this.#search = new LiveSearch(this.#platform, wish, {
      signIn: () => this.#account.signIn(this.#memory.notes.name),
      matched: (match) => this.#enter(match),
      failed: (problem) => this.#goToStart(problem),
    });
    this.state.set(this.#snapshot("searching"));
    this.#search.start();
  }

  #enter({ token, channelId, commonInterests }: Match): void {
    this.#converse({ channelId, commonInterests, token: { text: token, receivedAt: this.#platform.now() } }, false);
  }

  #converse(talk: Talk, isResumed: boolean): void {
    this.#leaveStage(isResumed);
    this.#memory.note({ talk });
    this.#conversation = new LiveConversation(this.#platform, this.#http, this.#account, talk, this.#keeperOf(talk));
    this.state.set(this.#snapshot("talking"));
    void this.#conversation.start(isResumed);
  }

  #keeperOf(talk: Talk): Keeper {
    const memory = this.#memory;
    return {
      letters: memory.letters,
      saveLetters: (letters) => memory.saveLetters(letters),
      renewed: (token) => memory.note({ talk: { ...talk, token } }),
      // Its messages are gone from the server: a reload leads to the start.
      ended: () => this.#forget(),
    };
  }

  #goToStart(problem: Problem | null): void {
    this.#leaveStage();
    this.state.set({ ...this.#snapshot("start"), problem });
  }

  #leaveStage(keepsLetters = false): number {
    this.#search?.stop();
    this.#search = null;
    this.#conversation?.stop();
    this.#conversation = null;
    if (!keepsLetters) this.#forget();
    return ++this.#turn;
  }

  #forget(): void {
    this.#memory.note({ isSearching: false, talk: null });
    this.#memory.saveLetters([]);
  }

  #snapshot(stage: ClientState["stage"]): ClientState {
    const { name, wish } = this.#memory.notes;
    return { stage, busy: false, problem: null, name, wish, search: this.#search, conversation: this.#conversation };
  }
}
