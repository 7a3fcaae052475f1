import { describe, expect, test } from "vitest";
import type { Message } from "../../src/protocol/index.ts";
import { hasGrownAtStart, rowsOf, type Extras } from "../../src/views/chat/rows.ts";
import { message } from "./fake_client.ts";

const nothing: Extras = { complete: false, unreadFrom: null, typing: false };
const noon = new Date(2026, 0, 5, 12).getTime();
const MINUTE = 60_000;

/** `m0^`, `m0$`: the first, the last of a group. */
function shape(messages: Message[], extras: Partial<Extras> = {}): string {
  return rowsOf(messages, { ...nothing, ...extras })
    .map((row) => (row.kind === "message" ? `${row.message.text}${row.first ? "^" : ""}${row.last ? "$" : ""}` : row.kind))
    .join(" ");
}

const say = (number: number, time: number, mine = false): Message => message(number, { text: `m${number}`, time, mine });

describe("the rows of a conversation", () => {
  test("one person's messages stand together, and end where the other speaks", () => {
    const messages = [say(0, noon), say(1, noon + MINUTE), say(2, noon + MINUTE, true)];
    expect(shape(messages)).toBe("day m0^ m1$ m2^$ end");
  });

  test("a pause of five minutes parts them", () => {
    expect(shape([say(0, noon), say(1, noon + 5 * MINUTE)])).toBe("day m0^$ m1^$ end");
  });

  test("a new day has a line and begins a group", () => {
    const midnight = new Date(2026, 0, 6).getTime();
    expect(shape([say(0, midnight - 1000), say(1, midnight + 1000)])).toBe("day m0^$ day m1^$ end");
  });

  test("the unread line stands above its message and parts the group", () => {
    const messages = [say(0, noon), say(1, noon), say(2, noon)];
    expect(shape(messages, { unreadFrom: messages[1]?.id ?? null })).toBe("day m0^$ unread m1^ m2$ end");
  });

  test("the beginning shows only where nothing is older, and typing comes last", () => {
    expect(shape([say(0, noon)], { complete: true, typing: true })).toBe("begin day m0^$ typing end");
  });

  test("every row has a key of its own", () => {
    const messages = Array.from({ length: 40 }, (_, number) => say(number, noon + number * 600 * MINUTE));
    const keys = rowsOf(messages, { complete: true, unreadFrom: "1010", typing: true }).map((row) => row.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("what came before the first message", () => {
  const messages = [say(1, noon), say(2, noon)];

  test("older messages are seen to have come", () => {
    expect(hasGrownAtStart(messages, [say(0, noon), ...messages])).toBe(true);
  });

  test("newer ones, or another conversation, are not", () => {
    expect(hasGrownAtStart(messages, [...messages, say(3, noon)])).toBe(false);
    expect(hasGrownAtStart(messages, [say(7, noon)])).toBe(false);
    expect(hasGrownAtStart([], messages)).toBe(false);
  });
});
