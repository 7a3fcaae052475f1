import type {
  Client, ClientState, Conversation, ConversationState, Message, Observable, SearchState, Upload,
} from "../../src/protocol/index.ts";

export class Value<T> implements Observable<T> {
  #value: T;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    for (const listener of this.#listeners) listener(value);
  }

  patch(part: Partial<T>): void {
    this.set({ ...this.#value, ...part });
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#value);
    return () => this.#listeners.delete(listener);
  }
}

export function message(number: number, part: Partial<Message> = {}): Message {
  const id = String(1000 + number);
  return {
    key: id, id, mine: false, kind: "text", text: `message ${number}`, objectKey: "", time: Date.UTC(2026, 0, 5, 12, number),
    state: "seen", problem: null, ...part,
  };
}

/** A conversation that does what it is told, and keeps what a view asked for in `calls`. */
export class FakeConversation implements Conversation {
  readonly calls: [string, ...unknown[]][] = [];
  readonly state = new Value<ConversationState>({
    channelId: "1", me: "1", commonInterests: [], connection: "open", retryAt: null, held: null, upToDate: true,
    peer: { id: "2", name: "Mia", picture: "", presence: "online", typing: false },
    messages: [], firstUnseenId: null, unseenCount: 0, hasOlder: false, loadingOlder: false, ended: null,
  });
  readonly uploads = {
    state: new Value<readonly Upload[]>([]),
    add: (files: Iterable<File>) => this.#note("add", [...files]),
    cancel: (id: string) => this.#note("cancel", id),
    retry: (id: string) => this.#note("retryUpload", id),
  };

  send = (text: string) => this.#note("send", text);
  retry = (key: string) => this.#note("retry", key);
  discard = (key: string) => this.#note("discard", key);
  typed = (isEmpty: boolean) => this.#note("typed", isEmpty);
  markSeen = (messageId: string) => this.#note("markSeen", messageId);
  loadOlder = async () => this.#note("loadOlder");
  reconnect = () => this.#note("reconnect");
  fileUrl = async (objectKey: string) => `/files/${objectKey}`;
  fileUrlToSave = this.fileUrl;

  #note(name: string, ...values: unknown[]): void {
    this.calls.push([name, ...values]);
  }
}

export class FakeClient implements Client {
  readonly calls: [string, ...unknown[]][] = [];
  readonly state = new Value<ClientState>({
    stage: "start", busy: false, problem: null, name: "", wish: { interests: [], language: "" }, search: null, conversation: null,
  });

  start = async (...values: unknown[]) => this.#note("start", ...values);
  cancel = () => this.#note("cancel");
  leave = async () => this.#note("leave");
  next = async () => this.#note("next");
  quit = async () => this.#note("quit");
  logout = async () => this.#note("logout");

  search(): Value<SearchState> {
    const state = new Value<SearchState>({ connection: "open", since: Date.now() });
    this.state.patch({ stage: "searching", search: { state } });
    return state;
  }

  talk(): FakeConversation {
    const conversation = new FakeConversation();
    this.state.patch({ stage: "talking", search: null, conversation });
    return conversation;
  }

  #note(name: string, ...values: unknown[]): void {
    this.calls.push([name, ...values]);
  }
}
