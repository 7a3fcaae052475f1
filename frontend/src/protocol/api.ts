// What a view may use of the protocol client. Nothing here knows of a view.

/** A value that changes. `subscribe` tells the present value at once, then every new one; Svelte can read it as `$value`. */
export interface Observable<T> {
  get(): T;
  subscribe(listener: (value: T) => void): () => void;
}

/** Why something was not done: a stable code of the server (or `network`, `too_large`, …) and a sentence in English. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

// ---------------------------------------------------------------------------------------------------- the whole client

/** One tab. Survives a reload; knows where the person is. */
export interface Client {
  readonly state: Observable<ClientState>;
  /** Signs in (a new account where there is none or the name is another one) and searches. Problems appear in the state. */
  start(name: string, wish: Wish): Promise<void>;
  /** Back to the start; a search is given up. */
  cancel(): void;
  /** Ends the conversation for both. It stays in view, as ended. Rejects with a `Problem` where that could not be done. */
  leave(): Promise<void>;
  /** Ends the conversation where it is not over, and searches again with the same wish. Rejects with a `Problem`. */
  next(): Promise<void>;
  /** Ends the conversation where it is not over, and goes to the start. Rejects with a `Problem`. */
  quit(): Promise<void>;
  /** Signs out, everywhere in this browser, and goes to the start. Rejects with a `Problem`. */
  logout(): Promise<void>;
}

export interface ClientState {
  readonly stage: "start" | "searching" | "talking";
  /** While `start` signs in. */
  readonly busy: boolean;
  /** Why the person is at the start again; null where there is nothing to say. */
  readonly problem: Problem | null;
  /** The name and wish of the last start, "" where there was none. */
  readonly name: string;
  readonly wish: Wish;
  /** Not null while searching. */
  readonly search: Search | null;
  /** Not null while talking, even when the conversation is over. */
  readonly conversation: Conversation | null;
}

export interface Wish {
  /** Up to 10, each 1 to 30 characters. */
  readonly interests: readonly string[];
  /** BCP 47, or "" for any. */
  readonly language: string;
}

// ---------------------------------------------------------------------------------------------------- waiting

export interface Search {
  readonly state: Observable<SearchState>;
}

export interface SearchState {
  readonly connection: Connection;
  /** Since when the person waits, in milliseconds of `Date.now()`; null until the server has said so. */
  readonly since: number | null;
}

/** `offline`: the browser says that there is no network. Else the line comes back by itself. */
export type Connection = "connecting" | "open" | "offline";

// ---------------------------------------------------------------------------------------------------- talking

export interface Conversation {
  readonly state: Observable<ConversationState>;
  readonly uploads: Uploads;
  /** Sends a text, sooner or later: it is kept over reloads. At most `TEXT_MAX_BYTES`, not blank; else nothing is done. */
  send(text: string): void;
  /** Tries a failed message again, at the end of the conversation. */
  retry(key: string): void;
  /** Forgets a failed message. */
  discard(key: string): void;
  /** The person changed the text to be written. `isEmpty`: nothing of it is left. */
  typed(isEmpty: boolean): void;
  /** The person has really seen the peer's messages up to this one. */
  markSeen(messageId: string): void;
  /** Reads a page of older messages. Does nothing while one is read, or where there are none. Never rejects. */
  loadOlder(): Promise<void>;
  /** Tries to connect at once, for instance when the person presses a button. Also where `ended` is `elsewhere`. */
  reconnect(): void;
  /** An address of a file's bytes, good for minutes. Rejects with a `Problem`. Give `fresh` where the last one failed. */
  fileUrl(objectKey: string, fresh?: boolean): Promise<string>;
  /** An address at which a browser saves a file, even if it could show it. Rejects with a `Problem`. */
  fileUrlToSave(objectKey: string): Promise<string>;
}

export interface ConversationState {
  readonly channelId: string;
  /** The person's own user id. */
  readonly me: string;
  readonly commonInterests: readonly string[];
  readonly connection: Connection;
  /** While `connecting`: when the next try is due, in milliseconds of `Date.now()`; null while one is under way. */
  readonly retryAt: number | null;
  /** Why the server takes no messages just now, though the line is open; null where it does. They are sent again until it does. */
  readonly held: Problem | null;
  /** The replay is out: what the server had is here. False again whenever the line breaks. */
  readonly upToDate: boolean;
  readonly peer: Peer;
  /** Sorted: what is stored by id, then what waits to be sent. */
  readonly messages: readonly Message[];
  /** The oldest message of the peer that the person has not seen. */
  readonly firstUnseenId: string | null;
  readonly unseenCount: number;
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  readonly ended: Ended | null;
}

/**
 * `peer_left`, `left`: somebody ended it. `closed`: over, nobody knows why. `expired`: the token is too old.
 * `signed_out`, `banned`, `misbehaving`, `refused`: the server sends this tab away. `elsewhere`: too many tabs; this one may `reconnect`.
 */
export type Ended =
  | "peer_left" | "left" | "closed" | "expired" | "signed_out" | "banned" | "misbehaving" | "refused" | "elsewhere";

export interface Peer {
  /** "" until they are known. */
  readonly id: string;
  readonly name: string;
  readonly picture: string;
  /** `unknown`: not told yet. `awaited`: has not been here yet. `away`: was here, and is offline. */
  readonly presence: "unknown" | "awaited" | "online" | "reconnecting" | "away" | "left";
  readonly typing: boolean;
}

export interface Message {
  /** Names the message for as long as it is shown, whatever happens to it. */
  readonly key: string;
  /** null where the server has not stored it yet, as far as is known. */
  readonly id: string | null;
  readonly mine: boolean;
  readonly kind: "text" | "file";
  /** The text, or the file's name. */
  readonly text: string;
  /** "" for a text. */
  readonly objectKey: string;
  /** Unix milliseconds, of the server once it is stored. */
  readonly time: number;
  /** Own: `pending` until acknowledged. Of the peer: `sent`, or `seen` where the person has seen it. */
  readonly state: "pending" | "sent" | "seen" | "failed";
  /** Why it failed. */
  readonly problem: Problem | null;
}

/** A text may be this long, in bytes of UTF-8; see `bytesOf`. */
export const TEXT_MAX_BYTES = 4096;

// ---------------------------------------------------------------------------------------------------- files

export interface Uploads {
  /** Those that are not done; a file that was sent is a message. */
  readonly state: Observable<readonly Upload[]>;
  add(files: Iterable<File>): void;
  /** Stops an upload, and takes it off the list, whatever its state. */
  cancel(id: string): void;
  retry(id: string): void;
}

export interface Upload {
  readonly id: string;
  readonly file: File;
  readonly state: "queued" | "uploading" | "failed";
  /** 0 to 1. */
  readonly progress: number;
  readonly problem: Problem | null;
}

export const FILE_MAX_BYTES = 64 * 1024 * 1024;
