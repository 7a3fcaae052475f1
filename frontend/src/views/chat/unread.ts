/** Decides below which message the unread line stands. */
export class UnreadLine {
  /** The id of the first message that came unwatched; null for no line. */
  from: string | null = null;
  #hadUnseen = false;

  /**
   * `watching`: the page is visible and the list at its end, so that what comes is seen as it comes. The line stays where it
   * is while the person reads on, and moves when all was seen and something new comes unwatched. The answer: has it moved.
   */
  note(firstUnseenId: string | null, watching: boolean): boolean {
    const isNew = firstUnseenId !== null && !this.#hadUnseen;
    this.#hadUnseen = firstUnseenId !== null;
    if (!isNew || watching) return false;
    this.from = firstUnseenId;
    return true;
  }

  /** The person has answered: nothing above is news any more. */
  clear(): void {
    this.from = null;
  }
}
