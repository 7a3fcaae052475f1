import type { Message } from "./api.ts";
import { FILE, isOlder, NO_ID, newest, TEXT, type ServerFrame } from "./frames.ts";
import type { Letter } from "./outbox.ts";

interface Stored {
  id: string;
  shown: Message;
}

type Content = Pick<Message, "kind" | "text" | "objectKey">;

/** The conversation: every message once, where its smallest id says, and what waits to be sent below. */
export class Transcript {
  readonly #me: string;
  readonly #byKey = new Map<string, Stored>();
  /** By id. */
  readonly #sorted: Stored[] = [];
  /** The newest own message that the peer has seen, and the newest of the peer's that the person has seen. */
  readonly #seen = { own: NO_ID, peers: NO_ID };

  constructor(me: string) {
    this.#me = me;
  }

  /** The newest message of the peer that has been seen. */
  get readUpTo(): string {
    return this.#seen.peers;
  }

  /** The same message may come again, under a smaller id too: then it moves. */
  put(frame: ServerFrame): void {
    const mine = frame.user_id === this.#me;
    if (frame.seen) this.see(mine, frame.message_id);
    const key = frame.client_id ? keyOf(frame.user_id, frame.client_id) : frame.message_id;
    const known = this.#byKey.get(key);
    if (known && !isOlder(frame.message_id, known.id)) return;
    if (known) this.#sorted.splice(this.#sorted.indexOf(known), 1);
    const shown: Message = {
      key, id: frame.message_id, mine, ...contentOf(frame), time: frame.time, state: "sent", problem: null,
    };
    const stored = { id: frame.message_id, shown };
    this.#byKey.set(key, stored);
    this.#sorted.splice(this.#placeOf(stored.id), 0, stored);
  }

  /** All messages of one side up to this one have been seen. */
  see(mine: boolean, id: string): void {
    const side = mine ? "own" : "peers";
    this.#seen[side] = newest(this.#seen[side], id);
  }

  /** The letters are shown at their place if they are stored, though nobody acknowledged them yet, and at the end if not. */
  list(letters: readonly Letter[]): Message[] {
    const waiting = new Map(letters.map((letter) => [keyOf(this.#me, letter.clientId), letter]));
    const stored = this.#sorted.map((entry) => this.#show(entry, waiting.has(entry.shown.key)));
    const unstored = [...waiting].filter(([key]) => !this.#byKey.has(key));
    return [...stored, ...unstored.map(([key, letter]) => waitingMessage(key, letter))];
  }

  /** Of a file; "" for one that is not here. */
  nameOf(objectKey: string): string {
    return this.#sorted.find(({ shown }) => shown.objectKey === objectKey)?.shown.text ?? "";
  }

  unseen(): { firstUnseenId: string | null; unseenCount: number } {
    const from = this.#sorted.slice(this.#placeOf(this.#seen.peers));
    const unseen = from.filter(({ id, shown }) => !shown.mine && id !== this.#seen.peers);
    return { firstUnseenId: unseen[0]?.id ?? null, unseenCount: unseen.length };
  }

  /** Messages that have not changed stay the same objects. */
  #show(entry: Stored, isUnacknowledged: boolean): Message {
    const { mine } = entry.shown;
    const isSeen = !isOlder(mine ? this.#seen.own : this.#seen.peers, entry.id);
    const state = isUnacknowledged ? "pending" : isSeen ? "seen" : "sent";
    if (entry.shown.state !== state) entry.shown = { ...entry.shown, state };
    return entry.shown;
  }

  #placeOf(id: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isOlder((this.#sorted[middle] as Stored).id, id)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function keyOf(userId: string, clientId: string): string {
  return `${userId} ${clientId}`;
}

/** The `clientId` in the key of an own message. */
export function clientIdOf(key: string): string {
  return key.slice(key.indexOf(" ") + 1);
}

function waitingMessage(key: string, letter: Letter): Message {
  const { time, problem } = letter;
  return { key, id: null, mine: true, ...contentOf(letter), time, state: problem === null ? "pending" : "failed", problem };
}

function contentOf({ event, payload }: { event: number; payload: string }): Content {
  if (event === TEXT) return { kind: "text", text: payload, objectKey: "" };
  return { kind: "file", ...fileOf(payload) };
}

export function filePayload(name: string, objectKey: string): { event: number; payload: string } {
  return { event: FILE, payload: JSON.stringify({ file_name: name, object_key: objectKey }) };
}

// Written by the other person's client: anything may be in it.
function fileOf(payload: string): { text: string; objectKey: string } {
  try {
    const { file_name: name, object_key: key } = JSON.parse(payload) as Record<string, unknown>;
    return { text: typeof name === "string" ? name : "", objectKey: typeof key === "string" ? key : "" };
  } catch {
    return { text: "", objectKey: "" };
  }
}
