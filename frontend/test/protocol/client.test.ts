import { describe, expect, test } from "vitest";
import type { Client, ClientState } from "../../src/protocol/api.ts";
import { openClient } from "../../src/protocol/index.ts";
import { FakeClock, randomFrom } from "./fakes/clock.ts";
import { FakePlatform, FakeTab } from "./fakes/platform.ts";
import { FakeServer } from "./fakes/server.ts";

const ANYONE = { interests: [], language: "" };

class Scene {
  readonly clock = new FakeClock();
  readonly server = new FakeServer(this.clock);
  readonly random = randomFrom(5);
  /** All documents of the browser. */
  readonly claims = new Set<string>();
  platform!: FakePlatform;
  client!: Client;

  async open(tab = new FakeTab()): Promise<Client> {
    this.platform = new FakePlatform(this.clock, this.server, this.random, tab, this.claims);
    this.client = await openClient(this.platform);
    return this.client;
  }

  get state(): ClientState {
    return this.client.state.get();
  }

  async begin(name = "Ada", wish: ClientState["wish"] = ANYONE): Promise<void> {
    void this.client.start(name, wish);
    await this.clock.advance(1_000);
  }

  /** Somebody else comes, too. */
  async matched(): Promise<void> {
    const { client, platform } = this;
    await this.open();
    await this.begin();
    Object.assign(this, { client, platform });
  }

  requests(what: string): number {
    return this.server.requests.filter((request) => request === what).length;
  }
}

test("a new tab is at the start", async () => {
  const scene = new Scene();
  await scene.open();
  expect(scene.state).toMatchObject({ stage: "start", busy: false, problem: null, name: "", search: null, conversation: null });
});

describe("a search", () => {
  test("begins with the account that is there, if it has the name", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin(" Ada ");
    expect([scene.state.stage, scene.state.name, scene.requests("POST /api/user")]).toEqual(["searching", "Ada", 0]);
  });

  test.each(["Ada", "Eve"])("begins with a new account where there is none of the name %s", async (name) => {
    const scene = new Scene();
    scene.server.isSignedIn = name !== "Ada";
    await scene.open();
    await scene.begin(name);
    expect([scene.state.stage, scene.requests("POST /api/user")]).toEqual(["searching", 1]);
  });

  test("says for whom", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin("Ada", { interests: ["tea & cake", "jazz"], language: "pt-BR" });
    expect(scene.platform.wire?.path).toBe("/api/match?interests=tea+%26+cake%2Cjazz&lang=pt-BR");
  });

  test("tells since when one waits, by the server's count", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin();
    scene.platform.wire?.send({ access_token: "", channel_id: "", status: "waiting", waited_ms: 65_000 });
    await scene.clock.advance(100);
    const { since, connection } = scene.state.search?.state.get() ?? {};
    expect([Math.round((scene.clock.now - (since ?? 0)) / 1_000), connection]).toEqual([65, "open"]);
  });

  test("that can't begin leads back to the start, and says why", async () => {
    const scene = new Scene();
    await scene.open();
    scene.server.isUp = false;
    void scene.client.start("Ada", ANYONE);
    expect(scene.state).toMatchObject({ stage: "start", busy: true });
    await scene.clock.advance(1_000);
    expect(scene.state).toMatchObject({ stage: "start", busy: false, problem: { code: "network", retryable: true } });
  });

  test("goes on over a reload and a restart of the server", async () => {
    const scene = new Scene();
    const tab = new FakeTab();
    await scene.open(tab);
    await scene.begin();
    scene.platform.end();
    await scene.open(tab);
    await scene.clock.advance(500);
    scene.server.kill();
    await scene.clock.advance(10_000);
    scene.server.isUp = true;
    await scene.clock.advance(25_000);
    await scene.matched();
    expect(scene.state.stage).toBe("talking");
  });

  test("signs in again where the session is over", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin();
    scene.server.refusesMatch = true;
    scene.server.isSignedIn = false;
    scene.platform.wire?.cut(true);
    await scene.clock.advance(3_000);
    expect(scene.requests("POST /api/user")).toBeGreaterThan(0);
    expect(scene.state.stage).toBe("searching");
  });

  test("that the server ends is explained", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin();
    scene.platform.wire?.close(4501);
    await scene.clock.advance(500);
    expect(scene.state).toMatchObject({ stage: "start", problem: { code: "signed_out" } });
  });

  test("that was given up finds nobody", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin();
    scene.client.cancel();
    await scene.matched();
    await scene.clock.advance(5_000);
    expect(scene.state).toMatchObject({ stage: "start", problem: null, search: null });
    expect(scene.platform.wire).toBeUndefined();
  });

  test("that was given up while it began does not begin", async () => {
    const scene = new Scene();
    await scene.open();
    void scene.client.start("Ada", ANYONE);
    scene.client.cancel();
    await scene.clock.advance(3_000);
    expect([scene.state.stage, scene.state.busy, scene.platform.wire]).toEqual(["start", false, undefined]);
  });
});

describe("a conversation", () => {
  test("begins when somebody was found, and knows what both like", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin();
    await scene.matched();
    await scene.clock.advance(1_000);
    expect(scene.state.conversation?.state.get()).toMatchObject({ channelId: "7", me: "11", commonInterests: ["art"], upToDate: true });
  });

  test("goes on over a reload, with what was not sent", async () => {
    const scene = new Scene();
    const tab = new FakeTab();
    await scene.open(tab);
    await scene.begin();
    await scene.matched();
    scene.server.kill();
    scene.state.conversation?.send("kept");
    scene.platform.end();
    await scene.open(tab);
    expect(scene.state.conversation?.state.get().messages).toMatchObject([{ text: "kept", state: "pending" }]);
    scene.server.isUp = true;
    await scene.clock.advance(25_000);
    expect(scene.state.conversation?.state.get().messages).toMatchObject([{ text: "kept", state: "sent" }]);
  });

  test("in a copy of the tab is the same, but what was not sent stays with the first", async () => {
    const scene = new Scene();
    const tab = new FakeTab();
    await scene.open(tab);
    await scene.begin();
    await scene.matched();
    scene.server.kill();
    scene.state.conversation?.send("once");
    const copy = new FakeTab();
    for (const [key, value] of tab.stored) copy.stored.set(key, value);
    await scene.open(copy);
    expect(scene.state.conversation?.state.get()).toMatchObject({ channelId: "7", messages: [] });
    scene.server.isUp = true;
    await scene.clock.advance(25_000);
    expect(scene.state.conversation?.state.get().messages).toMatchObject([{ text: "once", state: "sent" }]);
    expect(scene.server.received.filter(({ payload }) => payload === "once")).toHaveLength(1);
  });

  test("is left for both, and stays in view", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin();
    await scene.matched();
    void scene.client.leave();
    await scene.clock.advance(1_000);
    expect(scene.state.conversation?.state.get().ended).toBe("left");
    expect(scene.server.store.isClosed).toBe(true);
  });

  test("that can't be left at the moment goes on", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin();
    await scene.matched();
    scene.server.isUp = false;
    const leaving = expect(scene.client.next()).rejects.toMatchObject({ code: "network", retryable: true });
    await scene.clock.advance(1_000);
    await leaving;
    expect([scene.state.stage, scene.state.conversation?.state.get().ended]).toEqual(["talking", null]);
  });

  test("is followed by the next search, with the same wish", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin("Ada", { interests: ["jazz"], language: "" });
    await scene.matched();
    void scene.client.next();
    await scene.clock.advance(1_000);
    expect([scene.state.stage, scene.platform.wire?.path]).toEqual(["searching", "/api/match?interests=jazz"]);
  });

  test("ends with the session", async () => {
    const scene = new Scene();
    await scene.open();
    await scene.begin();
    await scene.matched();
    void scene.client.logout();
    await scene.clock.advance(1_000);
    expect([scene.state.stage, scene.state.name, scene.requests("POST /api/user/logout")]).toEqual(["start", "", 1]);
  });
});

test("a broken storage costs nothing but the memory", async () => {
  const scene = new Scene();
  const tab = new FakeTab();
  tab.stored.set("randomchat.tab", "{broken");
  await scene.open(tab);
  Object.assign(scene.platform.storage, {
    setItem: () => {
      throw new Error("full");
    },
  });
  await scene.begin();
  expect(scene.state.stage).toBe("searching");
});
