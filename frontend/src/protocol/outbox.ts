import type { Problem } from "./api.ts";

/** Unanswered messages under way, at most. */
const WINDOW = 8;

/** What the person has sent and nobody has acknowledged. */
export interface Letter {
  readonly clientId: string;
  readonly event: number;
  readonly payload: string;
  /** Unix milliseconds of this machine. */
  readonly time: number;
  /** Refused for good; null while it may still be delivered. */
  readonly problem: Problem | null;
}

export interface Due {
  readonly letter: Letter;
  readonly isRetry: boolean;
}

/**
 * Sends in order, a few at a time, again and again until each letter is acknowledged. After a refusal it goes back: nothing newer
 * is sent before all from the refused one on has been sent again.
 */
export class Outbox {
  readonly #save: (letters: readonly Letter[]) => void;
  #letters: Letter[];
  /** Sent at least once, perhaps by this tab's page before a reload. */
  readonly #tried: Set<string>;
  /** Sent on this socket and not answered, with the time of sending. */
  readonly #underWay = new Map<string, number>();
  #isHeld = false;

  constructor(letters: readonly Letter[], save: (letters: readonly Letter[]) => void) {
    this.#letters = [...letters];
    this.#tried = new Set(letters.map(({ clientId }) => clientId));
    this.#save = save;
  }

  get letters(): readonly Letter[] {
    return this.#letters;
  }

  /** Since when the oldest unanswered letter waits; null where none does. */
  get waitsSince(): number | null {
    return this.#underWay.values().next().value ?? null;
  }

  /** Something was refused, and answers for what was sent after it are still on their way. */
  get isGoingBack(): boolean {
    return this.#isHeld;
  }

  add(letter: Letter): void {
    this.#change([...this.#letters, letter]);
  }

  /** What is to be sent now; it then is under way. */
  take(now: number): Due[] {
    const due: Due[] = [];
    for (const letter of this.#isHeld ? [] : this.#open) {
      if (this.#underWay.size === WINDOW) break;
      if (this.#underWay.has(letter.clientId)) continue;
      due.push({ letter, isRetry: this.#tried.has(letter.clientId) });
      this.#tried.add(letter.clientId);
      this.#underWay.set(letter.clientId, now);
    }
    return due;
  }

  acknowledge(clientId: string): void {
    this.#underWay.delete(clientId);
    this.#change(this.#letters.filter((letter) => letter.clientId !== clientId));
  }

  /** The server can't take it now. False where the letter is none of these. */
  goBack(clientId: string): boolean {
    if (!this.#underWay.delete(clientId)) return false;
    this.#isHeld = true;
    return true;
  }

  /** The time to wait after a refusal is over. Answers whether everything may be sent again: no answer is missing any more. */
  goOn(): boolean {
    if (this.#underWay.size > 0) return false;
    this.#isHeld = false;
    return true;
  }

  isOldest(clientId: string): boolean {
    return this.#open[0]?.clientId === clientId;
  }

  /** The server will never take it. */
  fail(clientId: string, problem: Problem): void {
    this.#underWay.delete(clientId);
    this.#change(this.#letters.map((letter) => (letter.clientId === clientId ? { ...letter, problem } : letter)));
  }

  failAll(problem: Problem): void {
    for (const { clientId } of this.#open) this.fail(clientId, problem);
  }

  /** A failed letter, once more, behind all others. */
  retry(clientId: string): void {
    const failed = this.#letters.find((letter) => letter.clientId === clientId && letter.problem !== null);
    if (failed === undefined) return;
    this.#change([...this.#letters.filter((letter) => letter !== failed), { ...failed, problem: null }]);
  }

  discard(clientId: string): void {
    this.#change(this.#letters.filter((letter) => letter.clientId !== clientId || letter.problem === null));
  }

  /** Nothing is under way on a new socket. */
  startOver(): void {
    this.#underWay.clear();
    this.#isHeld = false;
  }

  get #open(): Letter[] {
    return this.#letters.filter(({ problem }) => problem === null);
  }

  #change(letters: Letter[]): void {
    this.#letters = letters;
    this.#save(letters);
  }
}
