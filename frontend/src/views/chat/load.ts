import type { Component } from "svelte";
import type { Client, Conversation } from "../../protocol/index.ts";

export type ChatView = Component<{ client: Client; conversation: Conversation }>;

const AGAIN_MS = 2000;
let view: Promise<ChatView> | undefined;

/** The conversation's view, which the start does without. Fetched once; where that fails, again until it is there. */
export function loadChatView(): Promise<ChatView> {
  view ??= fetchView();
  return view;
}

async function fetchView(): Promise<ChatView> {
  for (;;) {
    try {
      return (await import("./ChatView.svelte")).default;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
