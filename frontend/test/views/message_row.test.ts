// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, expect, test } from "vitest";
import type { Message } from "../../src/protocol/index.ts";
import MessageRow from "../../src/views/chat/MessageRow.svelte";
import { FakeConversation, message } from "./fake_client.ts";

afterEach(cleanup);

function show(part: Partial<Message>, peerName = "Mia"): { conversation: FakeConversation; element: HTMLElement } {
  const conversation = new FakeConversation();
  const props = { message: message(1, part), first: true, last: true, conversation, peerName, seen: undefined, onview: () => undefined };
  render(MessageRow, props);
  return { conversation, element: screen.getByRole("article") };
}

test.each([["pending", "Sending"], ["sent", "Sent"], ["seen", "Seen"], ["failed", "Not sent"]] as const)(
  "an own message that is %s says so", (state, label) => {
    show({ mine: true, state });
    expect(screen.getByRole("img", { name: label })).toBeTruthy();
  },
);

test("the peer's messages wear no mark", () => {
  show({ mine: false });
  expect(screen.queryByRole("img")).toBeNull();
});

test("a failed message says why, and can be tried again or removed", async () => {
  const problem = { code: "channel_full", message: "This conversation holds no more messages.", retryable: false };
  const { conversation } = show({ mine: true, state: "failed", problem });
  expect(screen.getByText(problem.message)).toBeTruthy();
  await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await fireEvent.click(screen.getByRole("button", { name: "Remove" }));
  expect(conversation.calls).toEqual([["retry", "1001"], ["discard", "1001"]]);
});

const TAGS = ["script", "img", "svg", "iframe", "object", "embed", "video", "audio", "a", "form", "input", "style", "math", "details", "base", "link"];
const TRICKS = [
  "src=x onerror=alert(1)", 'href="javascript:alert(1)"', "onload=alert(1)", "onfocus=alert(1) autofocus", "ontoggle=alert(1) open",
  'style="background:url(javascript:alert(1))"', 'srcdoc="<script>alert(1)</script>"', "formaction=javascript:alert(1)",
];
const FRAMES = [(html: string) => html, (html: string) => `"><${html.slice(1)}`, (html: string) => `{@html \`${html}\`}`];
const vectors = TAGS.flatMap((tag) => TRICKS.flatMap((trick) => FRAMES.map((frame) => frame(`<${tag} ${trick}>x</${tag}>`))));

test(`${vectors.length} ways to plant markup stay text, in messages, names and file names`, async () => {
  for (const vector of vectors) {
    const { element } = show({ text: vector }, vector);
    expect(element.querySelector(".text")?.textContent).toBe(vector);
    expect(element.querySelector(TAGS.filter((tag) => tag !== "svg" && tag !== "a").join())).toBeNull();
    cleanup();
    const file = show({ kind: "file", objectKey: "1/a.zip", text: vector });
    expect(file.element.querySelector("bdi")?.textContent).toBe(vector);
    cleanup();
  }
});
