// Two people who talk while everything breaks; and what both must see in the end.
import type { Client, Conversation, ConversationState, Message } from "../../src/protocol/api.ts";
import type { Platform } from "../../src/protocol/platform.ts";
import { FakeClock, randomFrom, settled } from "./fakes/clock.ts";
import { FakePlatform, FakeTab } from "./fakes/platform.ts";
import { FakeServer, type Fault } from "./fakes/server.ts";

export type Opener = (platform: Platform) => Promise<Client>;

export type Step =
  | { readonly kind: "say" | "cut" | "vanish" | "reload" | "mute" | "wake" | "offline" | "online" | "read"; readonly who: 0 | 1 }
  | { readonly kind: "kill" | "restart" | "sweep" }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "fault"; readonly fault: Fault };

const RECOVERY_MS = 150_000;

class Person {
  readonly said: string[] = [];
  readonly #ordeal: Ordeal;
  readonly #tab = new FakeTab();
  platform!: FakePlatform;
  client!: Client;

  constructor(ordeal: Ordeal) {
    this.#ordeal = ordeal;
  }

  async open(): Promise<void> {
    const { clock, server, random, open } = this.#ordeal;
    this.platform = new FakePlatform(clock, server, random, this.#tab);
    this.client = await open(this.platform);
  }

  get conversation(): Conversation {
    const { conversation, stage } = this.client.state.get();
    if (conversation === null) throw new Error(`is at ${stage}`);
    return conversation;
  }

  get state(): ConversationState {
    return this.conversation.state.get();
  }

  say(words: string): void {
    this.said.push(words);
    this.conversation.send(words);
  }

  async reload(): Promise<void> {
    this.platform.end();
    await this.open();
  }

  /** Has seen everything that is there. */
  read(): void {
    const newest = this.state.messages.findLast(({ mine, id }) => !mine && id !== null);
    if (newest?.id) this.conversation.markSeen(newest.id);
  }
}

export class Ordeal {
  readonly clock = new FakeClock();
  readonly server: FakeServer;
  readonly people: readonly [Person, Person];
  readonly random: () => number;
  readonly open: Opener;

  constructor(seed: number, open: Opener, replayMax: number) {
    this.random = randomFrom(seed);
    this.open = open;
    this.server = new FakeServer(this.clock);
    Object.assign(this.server, { replayMax, pageMax: 7 });
    this.people = [new Person(this), new Person(this)];
  }

  async begin(): Promise<void> {
    for (const person of this.people) {
      await person.open();
      void person.client.start("Ada", { interests: [], language: "" });
    }
    await this.clock.advance(2_000);
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#take(step);
      await settled();
    }
  }

  async #take(step: Step): Promise<void> {
    switch (step.kind) {
      case "wait": return this.clock.advance(step.ms);
      case "fault": return void this.server.faults.push(step.fault);
      case "kill": return this.server.kill();
      case "restart": return void (this.server.isUp = true);
      case "sweep": return this.server.sweep();
    }
    const person = this.people[step.who];
    const { platform } = person;
    switch (step.kind) {
      case "say": return person.say(`${step.who}.${person.said.length}`);
      case "cut": return platform.wire?.cut(true);
      case "vanish": return platform.wire?.cut(false);
      case "reload": return person.reload();
      case "mute": return void (platform.wire && (platform.wire.isMute = true));
      case "wake": return platform.wake();
      case "read": return person.read();
      case "offline": case "online":
        platform.online = step.kind === "online";
        return platform.wake();
    }
  }

  /** Everything works again, and has the time that it needs. Answers what is wrong all the same. */
  async judge(): Promise<string[]> {
    this.server.isUp = true;
    this.server.faults.length = 0;
    for (const { platform } of this.people) platform.online = true;
    await this.clock.advance(RECOVERY_MS);
    for (const person of this.people) await this.#readAll(person);
    for (const person of this.people) person.read();
    await this.clock.advance(1_000);
    return [...this.server.complaints, ...this.#differences(), ...this.people.flatMap((person) => this.#wrongWith(person))];
  }

  async #readAll({ conversation }: Person): Promise<void> {
    for (let pages = 0; conversation.state.get().hasOlder && pages < 1_000; pages++) {
      void conversation.loadOlder();
      await this.clock.advance(500);
    }
  }

  #differences(): string[] {
    const [one, other] = this.people.map(({ state }) => state.messages.map(({ id, text }) => `${id} ${text}`).join("\n"));
    return one === other ? [] : [`the sides differ:\n${one}\n---\n${other}`];
  }

  #wrongWith({ said, state }: Person): string[] {
    const own = state.messages.filter(({ mine }) => mine);
    const texts = own.map(({ text }) => text);
    const wrong: string[] = [];
    if (texts.join() !== said.join()) wrong.push(`said ${said.join()}, and sees ${texts.join()}`);
    if (own.some((message) => message.state !== "seen")) wrong.push(`not seen: ${own.filter(isUnseen).map(({ text }) => text).join()}`);
    if (!state.upToDate || state.connection !== "open" || state.ended) wrong.push(`is ${state.connection}, ended: ${state.ended}`);
    if (state.peer.presence !== "online") wrong.push(`the peer is ${state.peer.presence}`);
    if (state.unseenCount > 0) wrong.push(`${state.unseenCount} unseen`);
    return wrong;
  }
}

function isUnseen({ state }: Message): boolean {
  return state !== "seen";
}
