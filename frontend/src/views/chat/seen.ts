/** Tells which messages a person has really had before the eyes: in view, on a page that is visible. */
export class SeenWatch {
  readonly #inView = new Map<Element, string>();
  readonly #observer: IntersectionObserver;
  readonly #ids = new WeakMap<Element, string>();
  readonly #onseen: (messageId: string) => void;

  constructor(list: Element, onseen: (messageId: string) => void) {
    this.#onseen = onseen;
    this.#observer = new IntersectionObserver((entries) => this.#note(entries), { root: list, threshold: [0, 0.6] });
    document.addEventListener("visibilitychange", this.#onvisible);
  }

  /** The answer ends it for this element. */
  watch(element: Element, messageId: string): () => void {
    this.#ids.set(element, messageId);
    this.#observer.observe(element);
    return () => {
      this.#observer.unobserve(element);
      this.#inView.delete(element);
    };
  }

  end(): void {
    this.#observer.disconnect();
    document.removeEventListener("visibilitychange", this.#onvisible);
  }

  #note(entries: IntersectionObserverEntry[]): void {
    for (const entry of entries) {
      const id = this.#ids.get(entry.target);
      if (id !== undefined && isInView(entry)) this.#inView.set(entry.target, id);
      else this.#inView.delete(entry.target);
    }
    this.#tell();
  }

  // The list may scroll to the unread line when the page comes back: what is in view is known after the next drawing.
  readonly #onvisible = (): void => {
    requestAnimationFrame(() => requestAnimationFrame(() => this.#tell()));
  };

  #tell(): void {
    if (document.visibilityState !== "visible") return;
    for (const id of this.#inView.values()) this.#onseen(id);
  }
}

/** Most of it, or, where it is taller than the list, most of the list. */
function isInView(entry: IntersectionObserverEntry): boolean {
  const list = entry.rootBounds?.height ?? Infinity;
  return entry.isIntersecting && (entry.intersectionRatio >= 0.6 || entry.intersectionRect.height >= list * 0.6);
}
