import { tick } from "svelte";
import type { VirtualizerHandle } from "virtua/svelte";

/** This close to the end counts as there. */
const NEAR_END_PX = 32;
/** This close to the start older messages are asked for. */
const NEAR_START_PX = 800;
/** For so long after wheel, finger or key a movement is the reader's. */
const READER_MS = 1000;
/** For so long after a jump of ours, or rows that were measured, a movement is not. */
const OURS_MS = 300;

/** Where the reader is, and the rule of when the list follows what is new. */
export class Scrolling {
  /** The list follows what is new; ends when the reader scrolls back, never by what is measured or added. */
  isStuck = $state(true);
  #offset = 0;
  #readerAt = -Infinity;
  #oursAt = -Infinity;
  readonly #list: () => VirtualizerHandle | undefined;
  readonly #scroller: () => HTMLElement | undefined;

  constructor(list: () => VirtualizerHandle | undefined, scroller: () => HTMLElement | undefined) {
    this.#list = list;
    this.#scroller = scroller;
  }

  /** The reader's hand is at the list. */
  readonly touched = (): void => {
    this.#readerAt = performance.now();
  };

  /** The answer is whether the start is near. */
  moved(offset: number): boolean {
    const wentBack = offset < this.#offset - 1;
    this.#offset = offset;
    if (this.#isAtEnd()) this.isStuck = true;
    else if (wentBack && this.#isReaders()) this.isStuck = false;
    return offset < NEAR_START_PX;
  }

  /** After sizes have changed: stay at the end, where that is where the reader was. */
  settle(lastIndex: number): void {
    this.#oursAt = performance.now();
    if (this.isStuck && document.visibilityState === "visible") this.#jumpToEnd(lastIndex);
  }

  async toEnd(lastIndex: number): Promise<void> {
    this.isStuck = true;
    this.#oursAt = performance.now();
    await tick();
    this.#jumpToEnd(lastIndex);
  }

  /** To the row at the top of the list; if all below it fits, the list is at its end and follows on. */
  async toRow(index: number): Promise<void> {
    this.isStuck = false;
    this.#oursAt = performance.now();
    await tick();
    this.#list()?.scrollToIndex(index, { align: "start" });
    requestAnimationFrame(() => (this.isStuck ||= this.#isAtEnd()));
  }

  /** The list goes by what it has measured so far; the browser knows the rest once the rows are drawn. */
  #jumpToEnd(lastIndex: number): void {
    this.#list()?.scrollToIndex(lastIndex, { align: "end" });
    requestAnimationFrame(() => {
      const scroller = this.#scroller();
      if (this.isStuck && scroller && this.#isAtEnd()) scroller.scrollTop = scroller.scrollHeight;
    });
  }

  /** Rows that turn out smaller than guessed move the list back too, and so do helpers that scroll without any of our events. */
  #isReaders(): boolean {
    const now = performance.now();
    return now - this.#readerAt < READER_MS || now - this.#oursAt > OURS_MS;
  }

  #isAtEnd(): boolean {
    const list = this.#list();
    return !list || list.getScrollSize() - list.getScrollOffset() - list.getViewportSize() < NEAR_END_PX;
  }
}
