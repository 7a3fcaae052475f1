import type { Problem } from "../protocol/index.ts";
import { en } from "./en.ts";
import { t, type SentenceKey } from "./index.ts";

/** What to tell a person of a problem: our own sentence where there is one for its code, else the server's. */
export function problemText(problem: Problem): string {
  const key = `problem.${problem.code}`;
  return key in en ? t(key as SentenceKey) : problem.message;
}
