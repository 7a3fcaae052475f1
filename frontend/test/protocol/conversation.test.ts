import { describe, expect, test } from "vitest";
import type { Message } from "../../src/protocol/api.ts";
import { Stage } from "./stage.ts";

const shown = ({ text, state }: Message): string => `${text} ${state}`;

describe("messages", () => {
  test("one is pending at once, sent when the server has it, and seen when the peer says so", async () => {
    const stage = await Stage.talking();
    stage.conversation.send("hello");
    expect(stage.state.messages.map(shown)).toEqual(["hello pending"]);
    await stage.clock.advance(500);
    expect(stage.state.messages.map(shown)).toEqual(["hello sent"]);
    stage.ben(2, stage.state.messages[0]?.id as string);
    await stage.clock.advance(500);
    expect(stage.state.messages.map(shown)).toEqual(["hello seen"]);
  });

  test("one keeps its key from the first moment on", async () => {
    const stage = await Stage.talking();
    stage.conversation.send("hello");
    const key = stage.state.messages[0]?.key;
    await stage.clock.advance(500);
    expect(stage.state.messages[0]).toMatchObject({ key, state: "sent" });
    await stage.reload();
    await stage.clock.advance(2_000);
    expect(stage.state.messages[0]).toMatchObject({ key, state: "sent" });
  });

  test("a message that has not changed stays the same object", async () => {
    const stage = await Stage.talking();
    stage.conversation.send("hello");
    await stage.clock.advance(500);
    const [before] = stage.state.messages;
    stage.ben(0, "hi");
    await stage.clock.advance(500);
    expect(stage.state.messages).toHaveLength(2);
    expect(stage.state.messages[0]).toBe(before);
  });

  test.each(["", "  \n", "x".repeat(4097), "é".repeat(2049)])("nothing is sent for %#", async (text) => {
    const stage = await Stage.talking();
    stage.conversation.send(text);
    await stage.clock.advance(500);
    expect([stage.state.messages, stage.sent(0)]).toEqual([[], []]);
  });

  test("half a surrogate pair does not spoil the rest", async () => {
    const stage = await Stage.talking();
    stage.conversation.send("a\ud83db");
    await stage.clock.advance(500);
    expect(stage.sent(0)).toEqual(["a\ufffdb"]);
  });

  test("one that is refused for good can be tried again, or forgotten", async () => {
    const stage = await Stage.talking(({ server }) => server.refuses.push("channel_full", "channel_full"));
    stage.conversation.send("one");
    stage.conversation.send("two");
    stage.conversation.send("three");
    await stage.clock.advance(500);
    expect(stage.state.messages.map(shown)).toEqual(["three sent", "one failed", "two failed"]);
    const [, one, two] = stage.state.messages;
    expect(one?.problem).toEqual({ code: "channel_full", message: "Not now.", retryable: false });
    stage.conversation.retry(one?.key as string);
    stage.conversation.discard(two?.key as string);
    await stage.clock.advance(500);
    expect(stage.state.messages.map(shown)).toEqual(["three sent", "one sent"]);
  });

  test("while the server takes none, the reason is told, and no longer than that", async () => {
    const stage = await Stage.talking(({ server }) => server.faults.push("refuse", "refuse", "refuse"));
    stage.conversation.send("hello");
    await stage.clock.advance(450);
    expect(stage.state.held?.code).toBe("unavailable");
    expect(stage.state.messages.map(shown)).toEqual(["hello pending"]);
    await stage.clock.advance(10_000);
    expect(stage.state.held).toBeNull();
    expect(stage.state.messages.map(shown)).toEqual(["hello sent"]);
  });

  test("what the peer's client made up as a file is shown as one without a name", async () => {
    const stage = await Stage.talking();
    stage.ben(3, "no JSON");
    stage.ben(3, '{"file_name":"cat.png","object_key":"7/x.png"}');
    await stage.clock.advance(500);
    expect(stage.state.messages.map(({ kind, text, objectKey }) => [kind, text, objectKey])).toEqual([
      ["file", "", ""],
      ["file", "cat.png", "7/x.png"],
    ]);
  });
});

describe("what was seen", () => {
  test("is told only when the view says that it was", async () => {
    const stage = await Stage.talking();
    stage.ben(0, "one");
    stage.ben(0, "two");
    await stage.clock.advance(500);
    const [one, two] = stage.state.messages;
    expect([stage.state.firstUnseenId, stage.state.unseenCount, stage.sent(2)]).toEqual([one?.id, 2, []]);
    stage.conversation.markSeen(one?.id as string);
    expect([stage.state.firstUnseenId, stage.state.unseenCount]).toEqual([two?.id, 1]);
    await stage.clock.advance(500);
    expect(stage.sent(2)).toEqual([one?.id]);
  });

  test("is told once, even when an older one is seen later", async () => {
    const stage = await Stage.talking();
    stage.ben(0, "one");
    stage.ben(0, "two");
    await stage.clock.advance(500);
    const [one, two] = stage.state.messages;
    stage.conversation.markSeen(two?.id as string);
    stage.conversation.markSeen(one?.id as string);
    await stage.clock.advance(500);
    expect([stage.sent(2), stage.state.firstUnseenId]).toEqual([[two?.id], null]);
  });

  test("is told again where a server that came back knows less, and only there", async () => {
    const stage = await Stage.talking();
    stage.ben(0, "one");
    await stage.clock.advance(500);
    const id = stage.state.messages[0]?.id as string;
    stage.conversation.markSeen(id);
    await stage.clock.advance(1_000);
    stage.platform.wire?.cut(true);
    await stage.clock.advance(5_000);
    expect(stage.sent(2)).toEqual([id]);
    stage.server.store.seen.clear();
    stage.platform.wire?.cut(true);
    await stage.clock.advance(5_000);
    expect(stage.sent(2)).toEqual([id, id]);
  });

  test("is known again after a reload", async () => {
    const stage = await Stage.talking();
    stage.ben(0, "one");
    stage.ben(0, "two");
    await stage.clock.advance(500);
    stage.conversation.markSeen(stage.state.messages[0]?.id as string);
    await stage.clock.advance(500);
    await stage.reload();
    await stage.clock.advance(2_000);
    expect([stage.state.unseenCount, stage.state.firstUnseenId]).toEqual([1, stage.state.messages[1]?.id]);
  });
});

describe("older messages", () => {
  test("come page by page, and never twice", async () => {
    const stage = await Stage.talking();
    stage.fill(250);
    await stage.reload();
    await stage.clock.advance(3_000);
    expect([stage.state.messages.length, stage.state.hasOlder]).toEqual([100, true]);
    void stage.conversation.loadOlder();
    void stage.conversation.loadOlder();
    expect(stage.state.loadingOlder).toBe(true);
    await stage.clock.advance(1_000);
    expect([stage.state.messages.length, stage.state.loadingOlder]).toEqual([200, false]);
    void stage.conversation.loadOlder();
    await stage.clock.advance(1_000);
    expect([stage.state.messages.length, stage.state.hasOlder]).toEqual([250, false]);
    expect(stage.state.messages.map(({ text }) => text)).toEqual(Array.from({ length: 250 }, (_, count) => String(count)));
  });

  test("a page that could not be read can be asked for again", async () => {
    const stage = await Stage.talking();
    stage.fill(150);
    await stage.reload();
    await stage.clock.advance(3_000);
    stage.server.isUp = false;
    void stage.conversation.loadOlder();
    await stage.clock.advance(1_000);
    expect([stage.state.messages.length, stage.state.loadingOlder]).toEqual([100, false]);
    stage.server.isUp = true;
    void stage.conversation.loadOlder();
    await stage.clock.advance(1_000);
    expect(stage.state.messages.length).toBe(150);
  });
});

describe("the peer", () => {
  test("has a name, and is there", async () => {
    const stage = await Stage.talking();
    expect(stage.state.peer).toMatchObject({ id: "22", name: "Ben", presence: "online", typing: false });
  });

  test("is awaited, comes, breaks off, is away, and leaves", async () => {
    const stage = new Stage();
    await stage.enter(stage.tab);
    await stage.clock.advance(2_000);
    expect(stage.state.peer.presence).toBe("awaited");
    for (const [told, presence] of [["joined", "online"], ["reconnecting", "reconnecting"], ["offline", "away"], ["leaved", "left"]]) {
      stage.server.tell(told as string, "22");
      await stage.clock.advance(200);
      expect(stage.state.peer.presence).toBe(presence);
    }
    expect(stage.state.ended).toBe("peer_left");
  });

  test("types until a message comes, or the word that ends it, or it lapses", async () => {
    const stage = await Stage.talking();
    const begins = async (): Promise<void> => {
      stage.ben(1, "istyping");
      await stage.clock.advance(500);
      expect(stage.state.peer.typing).toBe(true);
    };
    await begins();
    stage.ben(1, "endtyping");
    await stage.clock.advance(500);
    expect(stage.state.peer.typing).toBe(false);
    await begins();
    stage.ben(0, "here it is");
    await stage.clock.advance(500);
    expect(stage.state.peer.typing).toBe(false);
    await begins();
    await stage.clock.advance(8_000);
    expect(stage.state.peer.typing).toBe(false);
  });
});

describe("typing", () => {
  test("is told at most every 3 s, and its end after 4 s of rest", async () => {
    const stage = await Stage.talking();
    for (let count = 0; count < 8; count++) {
      stage.conversation.typed(false);
      await stage.clock.advance(1_000);
    }
    expect(stage.sent(1)).toEqual(["istyping", "istyping", "istyping"]);
    await stage.clock.advance(4_000);
    expect(stage.sent(1).slice(3)).toEqual(["endtyping"]);
  });

  test("ends when the text is sent or emptied, and only where it had begun", async () => {
    const stage = await Stage.talking();
    stage.conversation.typed(true);
    stage.conversation.send("quick");
    await stage.clock.advance(500);
    expect(stage.sent(1)).toEqual([]);
    stage.conversation.typed(false);
    stage.conversation.send("slow");
    stage.conversation.typed(false);
    stage.conversation.typed(true);
    await stage.clock.advance(9_000);
    expect(stage.sent(1)).toEqual(["istyping", "endtyping", "istyping", "endtyping"]);
  });
});

describe("an end", () => {
  test.each([[4503, "closed"], [4504, "banned"], [4508, "misbehaving"], [4509, "elsewhere"], [4500, "refused"]] as const)(
    "of %i is final: %s",
    async (code, ended) => {
      const stage = await Stage.talking();
      expect(await stage.endedBy(code)).toBe(ended);
      await stage.clock.advance(60_000);
      expect(stage.platform.wire).toBeUndefined();
    },
  );

  test.each([1000, 1001, 1006, 1009, 1011, 1012, 1013, 4000, 4008, 4012, 4499])("of %i is none", async (code) => {
    const stage = await Stage.talking();
    expect(await stage.endedBy(code)).toBeNull();
    await stage.clock.advance(15_000);
    expect([stage.state.connection, stage.state.upToDate]).toEqual(["open", true]);
  });

  test("for a tab too many can be taken back", async () => {
    const stage = await Stage.talking();
    await stage.endedBy(4509);
    stage.conversation.send("later");
    stage.conversation.reconnect();
    await stage.clock.advance(1_000);
    expect([stage.state.ended, stage.state.connection]).toEqual([null, "open"]);
  });

  test("by a token that is worth nothing is explained", async () => {
    const closed = await Stage.talking();
    expect(await closed.endedBy(4501)).toBe("closed");
    const signedOut = await Stage.talking(({ server }) => (server.isSignedIn = false));
    expect(await signedOut.endedBy(4501)).toBe("signed_out");
    const expired = await Stage.talking();
    expired.clock.sleep(25 * 3_600_000);
    expect(await expired.endedBy(4501)).toBe("expired");
  });

  test("leaves what was not sent as failed, and a reload leads to the start", async () => {
    const stage = await Stage.talking(({ server }) => server.faults.push("hang"));
    stage.conversation.send("too late");
    await stage.clock.advance(100);
    stage.server.tell("leaved", "22");
    stage.closeWith(4503);
    await stage.clock.advance(500);
    expect(stage.state.messages.map(({ text, state, problem }) => [text, state, problem?.code])).toEqual([["too late", "failed", "ended"]]);
    expect(stage.state.ended).toBe("peer_left");
    await expect(stage.reload()).rejects.toThrow("no conversation");
  });
});

describe("the token", () => {
  test("is renewed long before its end, and the next socket has it", async () => {
    const stage = await Stage.talking();
    const [first] = stage.platform.wires;
    await stage.clock.advance(18.1 * 3_600_000);
    const last = stage.platform.wire;
    expect(last?.protocols[0]).toBe("randomchat.v1");
    expect(last?.protocols[1]).not.toBe(first?.protocols[1]);
    await stage.clock.advance(36 * 3_600_000);
    expect([stage.state.ended, stage.state.connection]).toEqual([null, "open"]);
  });

  test("is asked for again and again where the server does not answer", async () => {
    const stage = await Stage.talking();
    await stage.clock.advance(17.9 * 3_600_000);
    stage.server.kill();
    await stage.clock.advance(3_600_000);
    stage.server.isUp = true;
    await stage.clock.advance(60_000);
    expect(stage.server.requests.filter((request) => request === "POST /api/chat/token")).toHaveLength(2); // Ada and Ben
    expect(stage.state.upToDate).toBe(true);
  });
});
