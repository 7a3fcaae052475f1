import type { Wish } from "./api.ts";
import type { Letter } from "./outbox.ts";
import type { Platform } from "./platform.ts";
import type { HeldToken } from "./token.ts";

const TAB = "randomchat.tab";
const OUTBOX = "randomchat.outbox";

export interface Talk {
  readonly channelId: string;
  readonly commonInterests: readonly string[];
  readonly token: HeldToken;
}

interface Notes {
  /** Of this tab; a copy of the tab gets another one. */
  readonly tab: string;
  readonly name: string;
  readonly wish: Wish;
  readonly isSearching: boolean;
  readonly talk: Talk | null;
}

/**
 * What a tab knows over a reload. A browser copies it when it duplicates a tab: the copy keeps the conversation, but not the
 * outbox, or both would send the same.
 */
export class TabMemory {
  readonly #storage: Platform["storage"];
  #notes: Notes;

  private constructor(storage: Platform["storage"], notes: Notes) {
    this.#storage = storage;
    this.#notes = notes;
  }

  static async open(platform: Platform): Promise<TabMemory> {
    const found = read<Notes>(platform.storage, TAB);
    const nobody = { name: "", wish: { interests: [], language: "" }, isSearching: false, talk: null };
    const notes = found ?? { tab: platform.newId(), ...nobody };
    const memory = new TabMemory(platform.storage, notes);
    if (!(await platform.claim(`randomchat.tab.${notes.tab}`))) {
      memory.saveLetters([]);
      memory.note({ tab: platform.newId() });
      await platform.claim(`randomchat.tab.${memory.notes.tab}`);
    }
    return memory;
  }

  get notes(): Notes {
    return this.#notes;
  }

  note(part: Partial<Notes>): void {
    this.#notes = { ...this.#notes, ...part };
    write(this.#storage, TAB, this.#notes);
  }

  get letters(): readonly Letter[] {
    return read<Letter[]>(this.#storage, OUTBOX) ?? [];
  }

  saveLetters(letters: readonly Letter[]): void {
    write(this.#storage, OUTBOX, letters);
  }
}

function read<T>(storage: Platform["storage"], key: string): T | null {
  try {
    return JSON.parse(storage.getItem(key) ?? "null") as T | null;
  } catch {
    return null;
  }
}

// A full or forbidden storage costs what it would have kept over a reload, and nothing else.
function write(storage: Platform["storage"], key: string, value: unknown): void {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    /* see above */
  }
}
