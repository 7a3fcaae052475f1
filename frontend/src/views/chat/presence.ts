import type { ConversationState } from "../../protocol/index.ts";
import type { SentenceKey } from "../../i18n/index.ts";

export type PresenceLook = "good" | "warn" | "gone";

/** One line about the other person, and the colour of its dot. What is not known for sure is not said. */
export function presenceOf(talk: ConversationState): { key: SentenceKey; look: PresenceLook } {
  const { presence, typing } = talk.peer;
  if (talk.ended === "peer_left" || presence === "left") return { key: "presence.left", look: "gone" };
  if (talk.ended) return { key: "presence.ended", look: "gone" };
  if (talk.connection !== "open") return { key: "presence.unknown", look: "gone" };
  if (typing) return { key: "presence.typing", look: "good" };
  const look = presence === "online" ? "good" : presence === "reconnecting" ? "warn" : "gone";
  return { key: `presence.${presence}`, look };
}
