import type { components } from "./generated/uploader.ts";
import type { Http } from "./http.ts";
import type { Platform } from "./platform.ts";

const GOOD_FOR_MS = 4 * 60_000;

/** Addresses of files' bytes; the server signs each for five minutes. */
export class Links {
  readonly #platform: Platform;
  readonly #http: Http;
  readonly #token: () => string;
  readonly #known = new Map<string, { url: Promise<string>; askedAt: number }>();

  constructor(platform: Platform, http: Http, token: () => string) {
    this.#platform = platform;
    this.#http = http;
    this.#token = token;
  }

  /** `name`: under which a browser saves the file. */
  url(objectKey: string, name: string, isFresh = false): Promise<string> {
    const known = this.#known.get(objectKey);
    const now = this.#platform.now();
    if (known && !isFresh && now - known.askedAt < GOOD_FOR_MS) return known.url;
    const url = this.#ask(objectKey, name);
    this.#known.set(objectKey, { url, askedAt: now });
    url.catch(() => this.#known.delete(objectKey));
    return url;
  }

  /** For a browser that saves what it could show as well: on another origin only the server can make it. */
  urlToSave(objectKey: string, name: string): Promise<string> {
    return this.#ask(objectKey, name, { save: "true" });
  }

  async #ask(objectKey: string, name: string, more: Record<string, string> = {}): Promise<string> {
    const query = new URLSearchParams({ okb64: base64(objectKey), name, ...more });
    const path = `/api/uploader/download/presigned?${query}`;
    return (await this.#http.call<components["schemas"]["DownloadLink"]>(path, { token: this.#token() })).url;
  }
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
