import { isOlder, NO_ID, type ServerFrame } from "./frames.ts";
import type { Http } from "./http.ts";
import type { components } from "./generated/chat.ts";

const SCREENS = 100;
const MANY = 1000;
/** A replay reaches as far back behind its cursor; whoever reads instead of it must too. */
const OVERLAP_MS = 180_000;

type Page = components["schemas"]["History"] & { messages: ServerFrame[] };

/** The conversation as the server keeps it, read page by page from its newest end. */
export class History {
  readonly #http: Http;
  readonly #token: () => string;
  readonly #put: (frame: ServerFrame) => void;
  /** The page that lies before all that is here; "" where there is none. */
  #next = "";

  constructor(http: Http, token: () => string, put: (frame: ServerFrame) => void) {
    this.#http = http;
    this.#token = token;
    this.#put = put;
  }

  get hasOlder(): boolean {
    return this.#next !== "";
  }

  /** The newest page. Answers the id of its newest message. */
  async readNewest(): Promise<string> {
    const page = await this.#read("", SCREENS);
    this.#next = page.next_ps;
    return page.messages[0]?.message_id ?? NO_ID;
  }

  async readOlder(): Promise<void> {
    if (this.#next !== "") this.#next = (await this.#read(this.#next, SCREENS)).next_ps;
  }

  /** What is newer than `after`, and what a replay from there would have brought along. */
  async readSince(after: string): Promise<void> {
    if (after === NO_ID) {
      await this.readNewest();
      return;
    }
    let edge = -Infinity;
    let next = "";
    do {
      const page = await this.#read(next, MANY);
      next = page.next_ps;
      const known = page.messages.find(({ message_id: id }) => !isOlder(after, id));
      if (known && edge === -Infinity) edge = known.time - OVERLAP_MS;
      if ((page.messages.at(-1)?.time ?? 0) < edge) return;
    } while (next !== "");
  }

  async #read(ps: string, limit: number): Promise<Page> {
    const path = `/api/chat/channel/messages?ps=${ps}&limit=${limit}`;
    const page = await this.#http.call<Page>(path, { token: this.#token() });
    for (const frame of page.messages) this.#put(frame);
    return page;
  }
}
