// A conversation of two people and a server that behaves, for tests of single rules.
import type { Conversation, ConversationState, Ended } from "../../src/protocol/api.ts";
import { openClient } from "../../src/protocol/index.ts";
import { FakeClock, randomFrom } from "./fakes/clock.ts";
import { FakePlatform, FakeTab } from "./fakes/platform.ts";
import { FakeServer } from "./fakes/server.ts";

export class Stage {
  readonly clock = new FakeClock();
  readonly server = new FakeServer(this.clock);
  readonly random = randomFrom(7);
  readonly tab = new FakeTab();
  platform!: FakePlatform;
  conversation!: Conversation;

  /** Ada (11) is in a conversation with Ben (22), who is there, too. */
  static async talking(prepare: (stage: Stage) => void = () => {}): Promise<Stage> {
    const stage = new Stage();
    prepare(stage);
    await stage.enter(stage.tab);
    await stage.enter(new FakeTab(), true);
    await stage.clock.advance(2_000);
    return stage;
  }

  async enter(tab: FakeTab, isBen = false): Promise<Conversation> {
    const platform = new FakePlatform(this.clock, this.server, this.random, tab);
    const token = { text: this.server.token(isBen ? "22" : "11"), receivedAt: this.clock.now };
    const talk = { channelId: "7", commonInterests: ["art"], token };
    const notes = { tab: isBen ? "b" : "a", name: "Ada", wish: { interests: [], language: "" }, isSearching: false, talk };
    if (!tab.stored.has("randomchat.tab")) tab.stored.set("randomchat.tab", JSON.stringify(notes));
    const { conversation } = (await openClient(platform)).state.get();
    if (conversation === null) throw new Error("no conversation");
    if (!isBen) Object.assign(this, { platform, conversation });
    return conversation;
  }

  /** Ben has said so much, every ten seconds something. */
  fill(count: number): void {
    const { store } = this.server;
    for (let index = 0; index < count; index++) store.insert("22", 0, String(index), `c${index}`, this.clock.now - (count - index) * 10_000);
  }

  /** The page is loaded anew. */
  async reload(): Promise<void> {
    this.platform.end();
    await this.enter(this.tab);
  }

  get state(): ConversationState {
    return this.conversation.state.get();
  }

  /** What Ada's page has sent, by event. */
  sent(event: number): string[] {
    return this.server.received.filter((frame) => frame.event === event && frame.from === "11").map(({ payload }) => payload);
  }

  /** Ben does something. */
  ben(event: number, payload: string): void {
    const socket = [...this.server.sockets].find(({ userId }) => userId === "22");
    if (!socket) throw new Error("Ben is away");
    socket.received(JSON.stringify({ event, payload, client_id: crypto.randomUUID() }));
  }

  closeWith(code: number): void {
    this.platform.wire?.close(code);
  }

  async endedBy(code: number): Promise<Ended | null> {
    this.closeWith(code);
    await this.clock.advance(5_000);
    return this.state.ended;
  }
}
