import { isOlder, NO_ID, newest } from "./frames.ts";

/** Tells the server what the person has seen, and again where a server that came back knows less. */
export class SeenMarks {
  readonly #tell: (messageId: string) => void;
  #seen = NO_ID;
  /** What the server of this socket has confirmed, or was told. */
  #told = NO_ID;
  #isReady = false;

  constructor(tell: (messageId: string) => void) {
    this.#tell = tell;
  }

  see(messageId: string): void {
    this.#seen = newest(this.#seen, messageId);
    this.#catchUp();
  }

  /** The server says so. */
  confirmed(messageId: string): void {
    this.#told = newest(this.#told, messageId);
  }

  /** A new socket has said what its server knows. */
  begin(): void {
    this.#isReady = true;
    this.#catchUp();
  }

  /** The socket is gone. */
  end(): void {
    this.#isReady = false;
    this.#told = NO_ID;
  }

  #catchUp(): void {
    if (!this.#isReady || !isOlder(this.#told, this.#seen)) return;
    this.#told = this.#seen;
    this.#tell(this.#seen);
  }
}
