// What the client needs of a browser, so that it can be tested without one.

export interface Platform {
  /** Of the page, without a slash at the end. */
  readonly origin: string;
  /** This tab's own, over reloads. */
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** Of all tabs of this browser. Without it, a little more is asked of the server. */
  readonly shared?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  fetch(url: string, init: RequestInit): Promise<Response>;
  openSocket(url: string, protocols: string[]): Socket;
  /** Sends a file's bytes. The promise rejects on any refusal. */
  put(url: string, body: Blob, onProgress: (fraction: number) => void): Transfer;
  /** Unix milliseconds. */
  now(): number;
  /** Answers how to call it off. */
  after(delayMs: number, action: () => void): () => void;
  /** 0 to 1, without 1. */
  random(): number;
  newId(): string;
  isOnline(): boolean;
  /** The network came or went, or the page was woken: time to look whether lines are still there. Answers how to call it off. */
  onWake(listener: () => void): () => void;
  /** Whether this document is the only one that holds the name; then it holds it to its end. */
  claim(name: string): Promise<boolean>;
}

export interface Transfer {
  readonly done: Promise<void>;
  abort(): void;
}

/** The part of a WebSocket that is used. */
export interface Socket {
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}
