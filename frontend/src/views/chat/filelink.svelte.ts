import { problemText } from "../../i18n/problem.ts";
import type { Conversation, Problem } from "../../protocol/index.ts";

/** The address of a file, which is asked for when it is needed and again when it has run out. */
export class FileLink {
  url: string | undefined = $state();
  /** The bytes can't be shown, even under a fresh address. */
  isBroken = $state(false);
  problem = $state("");
  #tries = 0;
  readonly #conversation: Conversation;
  readonly #objectKey: string;

  constructor(conversation: Conversation, objectKey: string) {
    this.#conversation = conversation;
    this.#objectKey = objectKey;
  }

  /** For what is shown in place. */
  async open(): Promise<void> {
    try {
      this.url = await this.#conversation.fileUrl(this.#objectKey, this.#tries > 0);
    } catch (reason) {
      this.#fail(reason as Problem);
    }
  }

  /** The address did not do: once, it may only have run out. */
  failed(): void {
    if (this.#tries++ === 0) void this.open();
    else this.isBroken = true;
  }

  /** Once more from the start, for instance when the network is back. */
  async again(): Promise<void> {
    this.#tries = 1;
    this.problem = "";
    this.url = undefined;
    this.isBroken = false;
    await this.open();
  }

  async download(name: string): Promise<void> {
    this.problem = "";
    try {
      const anchor = document.createElement("a");
      anchor.href = await this.#conversation.fileUrlToSave(this.#objectKey);
      anchor.download = name;
      anchor.target = "_blank";
      anchor.rel = "noopener";
      anchor.click();
    } catch (reason) {
      this.problem = problemText(reason as Problem);
    }
  }

  #fail(problem: Problem): void {
    this.isBroken = true;
    this.problem = problemText(problem);
  }
}
