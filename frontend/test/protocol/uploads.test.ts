import { expect, test } from "vitest";
import { Http } from "../../src/protocol/http.ts";
import { Links } from "../../src/protocol/links.ts";
import type { Transfer } from "../../src/protocol/platform.ts";
import { Refusal } from "../../src/protocol/refusal.ts";
import { LiveUploads } from "../../src/protocol/uploads.ts";
import { FakeClock, randomFrom } from "./fakes/clock.ts";
import { FakePlatform } from "./fakes/platform.ts";

interface Put extends Transfer {
  readonly url: string;
  readonly type: string;
  progress(fraction: number): void;
  succeed(): void;
  fail(): void;
}

class Scene {
  readonly clock = new FakeClock();
  readonly asked: URL[] = [];
  readonly puts: Put[] = [];
  readonly done: string[] = [];
  refusesType = false;
  refusesAll = false;
  readonly uploads: LiveUploads;
  readonly links: Links;

  constructor() {
    const platform = new FakePlatform(
      this.clock,
      {
        connect: () => {},
        complain: () => {},
        answer: async (url) => this.#answer(new URL(url, "http://chat.test")),
        put: (url, body, progress) => this.#put(url, body, progress),
      },
      randomFrom(9),
    );
    const http = new Http(platform);
    this.uploads = new LiveUploads(platform, http, () => "token", (name, key) => this.done.push(`${name} is ${key}`));
    this.links = new Links(platform, http, () => "token");
  }

  #answer(url: URL): { status: number; body: unknown } {
    this.asked.push(url);
    const isRefused = this.refusesAll || (this.refusesType && url.searchParams.has("type"));
    if (isRefused) return { status: 415, body: { msg: "No.", code: "type_not_allowed", retryable: false } };
    return { status: 200, body: { object_key: `7/${this.asked.length}`, url: `/put/${this.asked.length}` } };
  }

  #put(url: string, body: Blob, progress: (fraction: number) => void): Transfer {
    let succeed = (): void => {};
    let fail = (_: Error): void => {};
    const done = new Promise<void>((resolve, reject) => ([succeed, fail] = [resolve, reject]));
    const no = new Refusal("network", "No answer.", true);
    const put = { url, type: body.type, done, progress, succeed, fail: () => fail(no), abort: () => fail(no) };
    this.puts.push(put);
    return put;
  }

  add(...names: string[]): Promise<void> {
    const types: Record<string, string> = { png: "image/png", zip: "application/x-zip-compressed" };
    this.uploads.add(names.map((name) => new File(["12345"], name, { type: types[name.split(".")[1] ?? ""] ?? "" })));
    return this.clock.advance(500);
  }

  get states(): string[] {
    return this.uploads.state.get().map(({ file, state, progress }) => `${file.name} ${state} ${progress}`);
  }

  id(index: number): string {
    return this.uploads.state.get()[index]?.id as string;
  }
}

test("a file goes where the server says, with its size and type, and then is sent", async () => {
  const scene = new Scene();
  await scene.add("cat.PNG".replace("PNG", "png"));
  expect(Object.fromEntries(scene.asked[0]?.searchParams ?? [])).toEqual({ ext: "png", size: "5", type: "image/png" });
  scene.puts[0]?.progress(0.5);
  expect(scene.states).toEqual(["cat.png uploading 0.5"]);
  scene.puts[0]?.succeed();
  await scene.clock.advance(10);
  expect([scene.states, scene.done]).toEqual([[], ["cat.png is 7/1"]]);
});

test("two go at once, the others wait for their turn", async () => {
  const scene = new Scene();
  await scene.add("1.png", "2.png", "3.png");
  expect(scene.states).toEqual(["1.png uploading 0", "2.png uploading 0", "3.png queued 0"]);
  scene.puts[1]?.succeed();
  await scene.clock.advance(500);
  expect(scene.states).toEqual(["1.png uploading 0", "3.png uploading 0"]);
});

test("a file whose type the browser does not know is sent without one", async () => {
  const scene = new Scene();
  await scene.add("notes.md");
  expect(Object.fromEntries(scene.asked[0]?.searchParams ?? [])).toEqual({ ext: "md" });
});

test("a type that contradicts the extension is left out at the second try", async () => {
  const scene = new Scene();
  scene.refusesType = true;
  await scene.add("files.zip");
  expect(scene.puts.map(({ type }) => type)).toEqual([""]);
  scene.puts[0]?.succeed();
  await scene.clock.advance(10);
  expect(scene.done).toHaveLength(1);
});

test("one that failed says why, and can be tried again", async () => {
  const scene = new Scene();
  scene.refusesAll = true;
  await scene.add("page.html");
  expect(scene.uploads.state.get()[0]).toMatchObject({ state: "failed", problem: { code: "type_not_allowed", retryable: false } });
  scene.refusesAll = false;
  scene.uploads.retry(scene.id(0));
  await scene.clock.advance(500);
  scene.puts[0]?.fail();
  await scene.clock.advance(10);
  expect(scene.uploads.state.get()[0]).toMatchObject({ state: "failed", problem: { code: "network", retryable: true } });
  scene.uploads.retry(scene.id(0));
  await scene.clock.advance(500);
  scene.puts[1]?.succeed();
  await scene.clock.advance(10);
  expect([scene.states, scene.done.length]).toEqual([[], 1]);
});

test("one that was cancelled is not sent, whenever that was", async () => {
  const scene = new Scene();
  await scene.add("1.png", "2.png", "3.png");
  scene.uploads.cancel(scene.id(0));
  scene.uploads.add([new File(["1"], "4.png", { type: "image/png" })]);
  scene.uploads.cancel(scene.id(2));
  await scene.clock.advance(500);
  scene.puts[0]?.succeed();
  await scene.clock.advance(500);
  expect([scene.states, scene.done]).toEqual([["2.png uploading 0", "3.png uploading 0"], []]);
});

test.each([["empty", 0, "empty_file"], ["large", 64 * 1024 * 1024 + 1, "too_large"]] as const)("one that is too %s is not even asked for", async (_, size, code) => {
  const scene = new Scene();
  const file = new File([], "x.png");
  Object.defineProperty(file, "size", { value: size });
  scene.uploads.add([file]);
  await scene.clock.advance(500);
  expect([scene.uploads.state.get()[0]?.problem?.code, scene.asked]).toEqual([code, []]);
});

test("a name is sent as the server takes it", async () => {
  const scene = new Scene();
  for (const name of ["a\u202egpj\n.png", `${"é".repeat(200)}.png`]) {
    await scene.add(name);
    scene.puts.at(-1)?.succeed();
    await scene.clock.advance(10);
  }
  const [first, second] = scene.done.map((said) => said.split(" is ")[0] as string);
  expect(first).toBe("agpj.png");
  expect(second?.endsWith("é.png")).toBe(true);
  expect(new TextEncoder().encode(second).length).toBeLessThanOrEqual(255);
});

test("an address is asked for when it is wanted, and again before it is too old, or where it failed", async () => {
  const scene = new Scene();
  const url = async (isFresh = false): Promise<string> => {
    const answer = scene.links.url("7/ü.png", "ü.png", isFresh);
    await scene.clock.advance(500);
    return answer;
  };
  expect([await url(), await url()]).toEqual(["/put/1", "/put/1"]);
  expect(new TextDecoder().decode(Uint8Array.from(atob(scene.asked[0]?.searchParams.get("okb64") ?? ""), (char) => char.charCodeAt(0)))).toBe("7/ü.png");
  await scene.clock.advance(4 * 60_000);
  expect([await url(), await url(true)]).toEqual(["/put/2", "/put/3"]);
});

test("an address that was refused is asked for anew", async () => {
  const scene = new Scene();
  scene.refusesAll = true;
  const refused = expect(scene.links.url("7/a", "a")).rejects.toMatchObject({ code: "type_not_allowed" });
  await scene.clock.advance(500);
  await refused;
  scene.refusesAll = false;
  const answer = scene.links.url("7/a", "a");
  await scene.clock.advance(500);
  expect(await answer).toBe("/put/2");
});

test("an address to save a file is another one than that to show it, and asked for each time", async () => {
  const scene = new Scene();
  const first = scene.links.urlToSave("7/a.mp3", "a.mp3");
  await scene.clock.advance(500);
  const second = scene.links.url("7/a.mp3", "a.mp3");
  await scene.clock.advance(500);
  expect([await first, await second]).toEqual(["/put/1", "/put/2"]);
  expect(scene.asked.map((url) => url.searchParams.get("save"))).toEqual(["true", null]);
});
