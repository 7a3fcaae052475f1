import { beforeEach, describe, expect, test } from "vitest";
import { Backoff } from "../../src/protocol/backoff.ts";
import { Line } from "../../src/protocol/line.ts";
import { FakeClock, randomFrom } from "./fakes/clock.ts";
import { FakePlatform } from "./fakes/platform.ts";
import type { Wire } from "./fakes/wire.ts";

class Scene {
  readonly clock = new FakeClock();
  readonly platform: FakePlatform;
  readonly heard: string[] = [];
  readonly line: Line;
  takes = true;
  answers = true;

  constructor(beat: object | null = { event: 6 }) {
    const connect = (wire: Wire): void => this.#connect(wire);
    const network = { connect, complain: () => {}, answer: () => Promise.reject(new Error("none")) };
    this.platform = new FakePlatform(this.clock, network, randomFrom(3));
    this.line = new Line(this.platform, {
      beat,
      address: () => ({ path: "/api/chat", protocols: [] }),
      opened: () => this.heard.push("opened"),
      received: () => {},
      lost: (wasOpen) => this.heard.push(wasOpen ? "lost" : "not opened"),
      refused: (code) => this.heard.push(`refused ${code}`),
      changed: () => {},
    });
    this.line.start();
  }

  #connect(wire: Wire): void {
    if (this.takes) wire.accept({ received: (text) => this.answers && wire.send(JSON.parse(text)), closed: () => {} });
  }
}

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});

test("waits at random up to 0.5, 1, 2, … 20 s", () => {
  const backoff = new Backoff(() => 0.5);
  const waits = Array.from({ length: 8 }, () => backoff.next());
  expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  backoff.reset();
  expect(backoff.next()).toBe(250);
});

test("a line that broke comes back by itself, and one that is refused does not", async () => {
  await scene.clock.advance(100);
  scene.platform.wire?.close(4012);
  await scene.clock.advance(1_000);
  scene.platform.wire?.close(4500);
  await scene.clock.advance(60_000);
  expect(scene.heard).toEqual(["opened", "lost", "opened", "refused 4500"]);
});

test("a line is stable after 5 s, and only then its patience begins anew", async () => {
  for (let times = 0; times < 6; times++) {
    await scene.clock.advance(21_000);
    scene.platform.wire?.close(4012);
    await scene.clock.advance(600);
    expect(scene.line.connection).toBe("open");
  }
});

test("an opening that takes longer than 14 s is given up", async () => {
  scene.takes = false;
  scene.platform.wire?.close(4012);
  await scene.clock.advance(14_500);
  scene.takes = true;
  await scene.clock.advance(2_000);
  expect(scene.line.connection).toBe("open");
});

test("a line that answers its beats lives on", async () => {
  await scene.clock.advance(3_600_000);
  expect(scene.heard).toEqual(["opened"]);
});

test("a line that says nothing is given up 25 s after its last word", async () => {
  await scene.clock.advance(100);
  scene.answers = false;
  await scene.clock.advance(24_000);
  expect(scene.heard).toEqual(["opened"]);
  await scene.clock.advance(1_000);
  expect(scene.heard).toContain("lost");
});

test("a line whose server speaks unasked needs no beats, and is given up all the same", async () => {
  const search = new Scene(null);
  await search.clock.advance(24_000);
  expect(search.heard).toEqual(["opened"]);
  await search.clock.advance(1_200);
  expect(search.heard).toContain("lost");
});

test("late timers of a hidden page do not kill a line that answers", async () => {
  await scene.clock.advance(100);
  for (let minutes = 0; minutes < 30; minutes++) {
    scene.clock.sleep(60_000);
    await scene.clock.advance(200);
  }
  expect(scene.heard).toEqual(["opened"]);
});

describe("after a sleep", () => {
  test("a dead line is noticed within 5 s", async () => {
    await scene.clock.advance(5_000);
    scene.answers = false;
    scene.clock.sleep(3_600_000);
    scene.platform.wake();
    await scene.clock.advance(5_100);
    expect(scene.heard).toContain("lost");
  });

  test("a line that lives is kept", async () => {
    await scene.clock.advance(5_000);
    scene.clock.sleep(3_600_000);
    scene.platform.wake();
    await scene.clock.advance(20_000);
    expect(scene.heard).toEqual(["opened"]);
  });

  test("one that waits for its next try does not wait any longer", async () => {
    scene.platform.online = false;
    scene.platform.wire?.close(4012);
    await scene.clock.advance(120_000);
    expect(scene.line.connection).toBe("offline");
    scene.platform.online = true;
    scene.platform.wake();
    await scene.clock.advance(100);
    expect(scene.line.connection).toBe("open");
  });
});

test("a line that was stopped stays so", async () => {
  await scene.clock.advance(100);
  scene.line.stop();
  scene.platform.wake();
  await scene.clock.advance(60_000);
  expect([scene.heard, scene.line.send({ event: 6 })]).toEqual([["opened"], false]);
});
