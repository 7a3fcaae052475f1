import type { Platform } from "./platform.ts";
import { noAnswer, Refusal } from "./refusal.ts";

const ANSWER_MS = 15_000;

export interface Request {
  readonly method?: "GET" | "POST" | "DELETE";
  /** A channel token. */
  readonly token?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** The REST side of the server. Every failure is a `Refusal`. */
export class Http {
  readonly #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  async call<T>(path: string, { method = "GET", token, body }: Request = {}): Promise<T> {
    const giveUp = new AbortController();
    const stopWaiting = this.#platform.after(ANSWER_MS, () => giveUp.abort());
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    try {
      const response = await this.#platform.fetch(path, { method, headers, ...content, signal: giveUp.signal });
      if (!response.ok) throw await refusalOf(response);
      return (response.status === 204 ? undefined : await response.json()) as T;
    } catch (thrown) {
      throw thrown instanceof Refusal ? thrown : noAnswer();
    } finally {
      stopWaiting();
    }
  }
}

async function refusalOf(response: Response): Promise<Refusal> {
  // A proxy in between may answer with anything.
  const body = await response.json().catch(() => null) as { msg?: string; code?: string; retryable?: boolean } | null;
  const retryable = body?.retryable ?? (response.status >= 500 || response.status === 429);
  return new Refusal(body?.code ?? `http_${response.status}`, body?.msg ?? response.statusText, retryable, response.status);
}
