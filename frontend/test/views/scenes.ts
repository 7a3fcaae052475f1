import type { Message, Problem } from "../../src/protocol/index.ts";
import { message, type FakeClient, type FakeConversation } from "./fake_client.ts";

export const problem = (code: string, text: string): Problem => ({ code, message: text, retryable: true });

const DAY = 86_400_000;
const at = (daysAgo: number, hour: number, minute: number): number => new Date().setHours(hour, minute, 0, 0) - daysAgo * DAY;

const LONG = "A longer thought, as people have them late at night: it goes on over several lines, and it is still easy to read, because a line never gets wider than the eye likes. ".repeat(2);

function story(): Message[] {
  const lines: [boolean, string, number, Partial<Message>?][] = [
    [false, "Hi! 👋", at(1, 21, 4)],
    [false, "You like film photography too? Which camera?", at(1, 21, 4)],
    [true, "An old Nikon FM2. The light meter has been dead for years, so I guess.", at(1, 21, 6)],
    [true, "Works more often than not 😄", at(1, 21, 6)],
    [false, LONG.trim(), at(0, 9, 12)],
    [true, "https://en.wikipedia.org/wiki/Sunny_16_rule is all one needs", at(0, 9, 15)],
    [false, "مرحبا! هل تتحدث العربية أيضا؟ أنا أتعلمها منذ سنة وأحب القراءة بها.", at(0, 9, 16)],
    [false, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(2), at(0, 9, 17)],
    [true, "😂😂", at(0, 9, 18)],
    [true, "roll-07.zip", at(0, 9, 19), { kind: "file", objectKey: "1/a.zip" }],
    [false, "contact-sheet.png", at(0, 9, 21), { kind: "file", objectKey: "1/b.png" }],
    [true, "That third frame!", at(0, 9, 22), { state: "sent" }],
    [true, "When was it?", at(0, 9, 22), { state: "pending", id: null }],
  ];
  return lines.map(([mine, text, time, part], index) => message(index, { mine, text, time, ...part }));
}

function chat(client: FakeClient): FakeConversation {
  const conversation = client.talk();
  conversation.fileUrl = async () => "/social.png";
  conversation.state.patch({ commonInterests: ["film photography", "jazz"], messages: story() });
  history.replaceState(null, "", "/chat");
  return conversation;
}

export const scenes: Record<string, (client: FakeClient) => void> = {
  landing: () => undefined,
  refused: (client) => client.state.patch({ problem: problem("network", "") }),
  waiting: (client) => {
    client.state.patch({ name: "Noa", wish: { interests: ["film photography", "jazz", "الخط العربي"], language: "en" } });
    client.search().patch({ since: Date.now() - 12_000 });
  },
  lost: (client) => client.search().patch({ connection: "connecting" }),
  empty: (client) => chat(client).state.patch({ messages: [] }),
  chat: (client) => void chat(client),
  typing: (client) => chat(client).state.patch({ peer: { id: "2", name: "Mia", picture: "", presence: "online", typing: true } }),
  offline: (client) => chat(client).state.patch({ connection: "offline", upToDate: true }),
  held: (client) => chat(client).state.patch({ held: { code: "unavailable", message: "Not now.", retryable: true } }),
  broken: (client) => chat(client).state.patch({ connection: "connecting" }),
  failed: (client) => {
    const failed = { ...message(50, { mine: true, text: "Can you see this?", time: Date.now() }), state: "failed", id: null } as const;
    chat(client).state.patch({ messages: [...story(), { ...failed, problem: problem("channel_full", "This conversation holds no more messages.") }] });
  },
  left: (client) => chat(client).state.patch({ ended: "peer_left" }),
  unread: (client) => {
    const news = Array.from({ length: 14 }, (_, index) => message(60 + index, { state: "sent", text: `News, part ${index + 1}`, time: Date.now() }));
    chat(client).state.patch({ messages: [...story(), ...news], unseenCount: 14, firstUnseenId: news[0]?.id ?? null });
  },
  uploads: (client) => {
    const conversation = chat(client);
    const file = (name: string, size: number): File => new File([new Uint8Array(size)], name);
    conversation.uploads.state.set([
      { id: "1", file: file("holiday-in-the-mountains-2026-final-final.mp4", 8_200_000), state: "uploading", progress: 0.42, problem: null },
      { id: "2", file: file("notes.pdf", 120_000), state: "queued", progress: 0, problem: null },
      { id: "3", file: file("page.svg", 900), state: "failed", progress: 0, problem: { code: "type_not_allowed", message: "", retryable: false } },
      { id: "4", file: file("song.mp3", 4_000_000), state: "failed", progress: 0.7, problem: problem("network", "") },
    ]);
  },
  long: (client) => {
    const many = Array.from({ length: 1000 }, (_, index) => message(index, { mine: index % 3 === 0, text: `Line ${index} ${"word ".repeat(index % 17)}` }));
    chat(client).state.patch({ messages: many, hasOlder: false });
  },
};
