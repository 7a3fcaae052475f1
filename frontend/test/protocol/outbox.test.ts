import { expect, test } from "vitest";
import { Outbox, type Letter } from "../../src/protocol/outbox.ts";
import { Sending } from "../../src/protocol/sending.ts";
import { FakeClock, randomFrom } from "./fakes/clock.ts";
import { FakePlatform } from "./fakes/platform.ts";

const letter = (clientId: string): Letter => ({ clientId, event: 0, payload: clientId, time: 0, problem: null });
const letters = (count: number): Letter[] => Array.from({ length: count }, (_, index) => letter(String(index)));
const refusal = (code: string, retry_after_ms = 0) => ({ code, msg: "Not now.", retryable: true, retry_after_ms });

class Scene {
  readonly clock = new FakeClock();
  readonly sent: string[] = [];
  readonly outbox: Outbox;
  readonly sending: Sending;
  restarts = 0;

  constructor(known: Letter[] = []) {
    const network = { connect: () => {}, complain: () => {}, answer: () => Promise.reject(new Error("none")) };
    this.outbox = new Outbox(known, () => {});
    this.sending = new Sending(new FakePlatform(this.clock, network, randomFrom(1)), this.outbox, {
      send: (frame) => this.sent.push(this.#short(frame as { client_id: string; retry?: boolean })) > 0,
      restart: () => this.restarts++,
    });
  }

  #short({ client_id, retry }: { client_id: string; retry?: boolean }): string {
    return retry ? `${client_id} again` : client_id;
  }

  write(...all: Letter[]): void {
    for (const one of all) this.outbox.add(one);
    this.sending.pump();
  }

  taken(): string[] {
    return this.sent.splice(0);
  }
}

test("at most eight are under way", () => {
  const scene = new Scene();
  scene.sending.begin();
  scene.write(...letters(20));
  expect(scene.taken()).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
  scene.sending.acknowledged("0");
  scene.sending.acknowledged("1");
  expect(scene.taken()).toEqual(["8", "9"]);
});

test("nothing is sent before the socket is ready", () => {
  const scene = new Scene();
  scene.write(letter("a"));
  expect(scene.taken()).toEqual([]);
  scene.sending.begin();
  expect(scene.taken()).toEqual(["a"]);
});

test("a new socket gets everything again, in order, said to be so", () => {
  const scene = new Scene();
  scene.sending.begin();
  scene.write(letter("a"), letter("b"));
  scene.taken();
  scene.sending.end();
  scene.write(letter("c"));
  scene.sending.begin();
  expect(scene.taken()).toEqual(["a again", "b again", "c"]);
});

test("what an earlier page had written may have been sent", () => {
  const scene = new Scene([letter("a")]);
  scene.sending.begin();
  expect(scene.taken()).toEqual(["a again"]);
});

test("after a refusal everything from there on comes again, in order, and nothing new before", async () => {
  const scene = new Scene();
  scene.sending.begin();
  scene.write(...letters(3));
  scene.taken();
  scene.sending.acknowledged("0");
  scene.sending.refused("1", refusal("unavailable", 700));
  scene.sending.refused("2", refusal("resend_first"));
  scene.write(letter("new"));
  await scene.clock.advance(699);
  expect(scene.taken()).toEqual([]);
  await scene.clock.advance(1);
  expect(scene.taken()).toEqual(["1 again", "2 again", "new"]);
});

test("nothing comes again while an answer is still missing", async () => {
  const scene = new Scene();
  scene.sending.begin();
  scene.write(...letters(2));
  scene.taken();
  scene.sending.refused("0", refusal("unavailable"));
  await scene.clock.advance(5_000);
  expect(scene.taken()).toEqual([]);
  scene.sending.refused("1", refusal("resend_first"));
  await scene.clock.advance(0);
  expect(scene.taken()).toEqual(["0 again", "1 again"]);
});

test("if the oldest itself must wait for an earlier one, there has to be a new socket", () => {
  const scene = new Scene();
  scene.sending.begin();
  scene.write(letter("a"));
  scene.sending.refused("a", refusal("resend_first"));
  expect(scene.restarts).toBe(1);
});

test("an answer may take 14 s, counted for each", async () => {
  const scene = new Scene();
  scene.sending.begin();
  scene.write(letter("a"));
  await scene.clock.advance(10_000);
  scene.write(letter("b"));
  scene.sending.acknowledged("a");
  await scene.clock.advance(13_999);
  expect(scene.restarts).toBe(0);
  await scene.clock.advance(1);
  expect(scene.restarts).toBe(1);
});

test("an answer to nothing, and a second one, change nothing", () => {
  const scene = new Scene();
  scene.sending.begin();
  scene.write(letter("a"));
  scene.sending.acknowledged("a");
  scene.sending.acknowledged("a");
  scene.sending.refused("a", refusal("unavailable"));
  scene.write(letter("b"));
  expect(scene.taken()).toEqual(["a", "b"]);
});
