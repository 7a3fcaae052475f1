// What a client must keep to, seen from its own end of a socket.

const UNANSWERED_MAX = 8;

interface Frame {
  readonly event: number;
  readonly payload: string;
  readonly client_id?: string;
  readonly retry?: boolean;
  readonly ack?: boolean;
}

/** Watches one socket. `tried` is known to all sockets of a person. */
export class Conduct {
  readonly #tried: Set<string>;
  readonly #complain: (what: string) => void;
  readonly #unanswered = new Set<string>();
  #mustComeFirst: string | null = null;

  constructor(tried: Set<string>, complain: (what: string) => void) {
    this.#tried = tried;
    this.#complain = complain;
  }

  sent(text: string): void {
    const { event, client_id: id, retry } = JSON.parse(text) as Frame;
    if ((event !== 0 && event !== 3) || id === undefined) return;
    if (this.#tried.has(id) && !retry) this.#complain(`${id} is sent again without "retry"`);
    if (this.#mustComeFirst !== null && this.#mustComeFirst !== id) this.#complain(`${id} comes before ${this.#mustComeFirst}`);
    this.#mustComeFirst = null;
    this.#tried.add(id);
    this.#unanswered.add(id);
    if (this.#unanswered.size > UNANSWERED_MAX) this.#complain(`${this.#unanswered.size} are unanswered`);
  }

  received(text: string): void {
    const { event, client_id: id, ack, payload } = JSON.parse(text) as Frame;
    if (id === undefined || (event !== 5 && !ack)) return;
    this.#unanswered.delete(id);
    if (event === 5 && (JSON.parse(payload) as { retryable: boolean }).retryable) this.#mustComeFirst ??= id;
  }
}
