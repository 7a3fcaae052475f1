import { FILE_MAX_BYTES, type Problem, type Upload, type Uploads } from "./api.ts";
import { extensionOf, sendableName } from "./file_name.ts";
import type { components } from "./generated/uploader.ts";
import type { Http } from "./http.ts";
import { Value } from "./observable.ts";
import type { Platform, Transfer } from "./platform.ts";
import { problemOf, Refusal } from "./refusal.ts";

const AT_ONCE = 2;

type Place = components["schemas"]["UploadLink"];

/** Brings files to the object store, two at a time, in the order in which they were added. */
export class LiveUploads implements Uploads {
  readonly state = new Value<readonly Upload[]>([]);
  readonly #platform: Platform;
  readonly #http: Http;
  readonly #token: () => string;
  readonly #done: (name: string, objectKey: string) => void;
  readonly #transfers = new Map<string, Transfer | null>();

  /** `done` is told where each file is. */
  constructor(platform: Platform, http: Http, token: () => string, done: (name: string, objectKey: string) => void) {
    this.#platform = platform;
    this.#http = http;
    this.#token = token;
    this.#done = done;
  }

  add(files: Iterable<File>): void {
    const added = Array.from(files, (file) => this.#queued(file));
    this.state.set([...this.state.get(), ...added]);
    this.#startNext();
  }

  cancel(id: string): void {
    this.#transfers.get(id)?.abort();
    this.#transfers.delete(id);
    this.state.set(this.state.get().filter((upload) => upload.id !== id));
    this.#startNext();
  }

  retry(id: string): void {
    if (this.#find(id)?.state !== "failed") return;
    this.#change(id, { state: "queued", progress: 0, problem: null });
    this.#startNext();
  }

  cancelAll(): void {
    for (const { id } of this.state.get()) this.#transfers.get(id)?.abort();
    this.#transfers.clear();
    this.state.set([]);
  }

  #queued(file: File): Upload {
    const upload = { id: this.#platform.newId(), file, progress: 0 } as const;
    const problem = problemWith(file);
    return problem ? { ...upload, state: "failed", problem } : { ...upload, state: "queued", problem };
  }

  #startNext(): void {
    for (const { id, state } of this.state.get()) {
      if (this.#transfers.size >= AT_ONCE) return;
      if (state === "queued") void this.#run(id);
    }
  }

  async #run(id: string): Promise<void> {
    const { file } = this.#change(id, { state: "uploading" }) as Upload;
    this.#transfers.set(id, null);
    try {
      const objectKey = await this.#bring(id, file);
      if (!this.#find(id)) return;
      this.cancel(id);
      this.#done(sendableName(file.name), objectKey);
    } catch (thrown) {
      this.#transfers.delete(id);
      this.#change(id, { state: "failed", problem: problemOf(thrown) });
      this.#startNext();
    }
  }

  async #bring(id: string, file: File): Promise<string> {
    const { place, body } = await this.#findPlace(file);
    if (!this.#find(id)) throw new Refusal("cancelled", "Cancelled.", false);
    const transfer = this.#platform.put(place.url, body, (progress) => this.#change(id, { progress }));
    this.#transfers.set(id, transfer);
    await transfer.done;
    return place.object_key;
  }

  // Systems disagree on the types of some extensions: what the server finds contradictory is sent without a type.
  async #findPlace(file: File): Promise<{ place: Place; body: Blob }> {
    const ext = extensionOf(file.name);
    if (file.type !== "") {
      const query = new URLSearchParams({ ext, size: String(file.size), type: file.type });
      const place = await this.#ask(query).catch((thrown: unknown) => {
        if (thrown instanceof Refusal && thrown.status === 415) return null;
        throw thrown;
      });
      if (place) return { place, body: file };
    }
    return { place: await this.#ask(new URLSearchParams({ ext })), body: file.slice(0, file.size, "") };
  }

  #ask(query: URLSearchParams): Promise<Place> {
    return this.#http.call<Place>(`/api/uploader/upload/presigned?${query}`, { token: this.#token() });
  }

  #find(id: string): Upload | undefined {
    return this.state.get().find((upload) => upload.id === id);
  }

  #change(id: string, part: Partial<Upload>): Upload | undefined {
    this.state.set(this.state.get().map((upload) => (upload.id === id ? { ...upload, ...part } : upload)));
    return this.#find(id);
  }
}

function problemWith(file: File): Problem | null {
  if (file.size === 0) return { code: "empty_file", message: "The file is empty.", retryable: false };
  if (file.size > FILE_MAX_BYTES) return { code: "too_large", message: "The file is too large.", retryable: false };
  return null;
}
