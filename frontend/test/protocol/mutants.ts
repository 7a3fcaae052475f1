// The client with one mistake in it.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import type { Opener } from "./ordeal.ts";

const SOURCES = new URL("../../src/protocol/", import.meta.url);
const MUTANTS = new URL("../../node_modules/.mutants/", import.meta.url);

export interface Mistake {
  readonly what: string;
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
}

export const MISTAKES: readonly Mistake[] = [
  { what: "a message that came twice is shown twice", file: "transcript.ts", right: "frame.client_id ? keyOf(frame.user_id, frame.client_id) : frame.message_id", wrong: "frame.message_id" },
  { what: "the larger id wins", file: "transcript.ts", right: "known && !isOlder(frame.message_id, known.id)", wrong: "known && isOlder(frame.message_id, known.id)" },
  { what: "a copy is taken for an acknowledgement", file: "conversation.ts", right: "if (frame.ack && frame.client_id)", wrong: "if (isMine && frame.client_id)" },
  { what: "nothing is held after a refusal", file: "outbox.ts", right: "    this.#isHeld = true;\n", wrong: "" },
  { what: "a resend does not say that it is one", file: "sending.ts", right: "isRetry ? { ...frame, retry: true } : frame", wrong: "frame" },
  { what: "a new socket is thought to know what was under way", file: "outbox.ts", right: "    this.#underWay.clear();\n", wrong: "" },
  { what: "too many are under way", file: "outbox.ts", right: "const WINDOW = 8;", wrong: "const WINDOW = 800;" },
  { what: "a missing answer is waited for without end", file: "sending.ts", right: "() => this.#wire.restart());", wrong: "() => {});" },
  { what: "a dead line is not noticed", file: "pulse.ts", right: "      this.#dead();\n", wrong: "" },
  { what: "the outbox is lost in a reload", file: "memory.ts", right: "write(this.#storage, OUTBOX, letters);", wrong: "" },
  { what: "what was too much for a replay is not read", file: "catching_up.ts", right: "else void this.#reread(last);", wrong: "else this.#end(last);" },
  { what: "the cursor moves before the replay is out", file: "cursor.ts", right: "if (this.#isComplete) this.#after", wrong: "this.#after" },
  { what: "seen marks are not told again", file: "seen_marks.ts", right: "    this.#told = NO_ID;\n", wrong: "" },
  { what: "the next socket replays from now on", file: "conversation.ts", right: "`/api/chat?after=${this.#catchingUp.after}`", wrong: "`/api/chat?after=${this.#catchingUp.after === \"0\" ? \"9\".repeat(19) : this.#catchingUp.after}`" },
  { what: "older pages begin at the wrong place", file: "history.ts", right: "this.#next = page.next_ps;\n    return", wrong: "this.#next = \"\";\n    return" },
];

export async function clientWith({ file, right, wrong }: Mistake): Promise<Opener> {
  const folder = new URL(`${crypto.randomUUID()}/`, MUTANTS);
  await mkdir(MUTANTS, { recursive: true });
  await cp(SOURCES, folder, { recursive: true });
  const place = new URL(file, folder);
  const source = await readFile(place, "utf-8");
  if (source.split(right).length !== 2) throw new Error(`${file} must contain this once: ${right}`);
  await writeFile(place, source.replace(right, () => wrong));
  const { openClient } = (await import(/* @vite-ignore */ new URL("client.ts", folder).href)) as { openClient: Opener };
  return openClient;
}

export async function removeMutants(): Promise<void> {
  await rm(MUTANTS, { recursive: true, force: true });
}

