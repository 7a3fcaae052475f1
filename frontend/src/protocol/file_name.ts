import { bytesOf } from "./text.ts";

const MAX_BYTES = 255;
/** Control characters and lone surrogates, and what changes the direction of text: `gpj.exe` must not look like `exe.jpg`. */
const REFUSED = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A file's name as the server takes it; of a long one the end, which has the extension. */
export function sendableName(name: string): string {
  let characters = [...name.replace(REFUSED, "").trim()];
  while (bytesOf(characters.join("")) > MAX_BYTES) characters = characters.slice(1);
  return characters.join("") || "file";
}

export function extensionOf(name: string): string {
  return /\.([a-z0-9]{1,10})$/i.exec(name)?.[1]?.toLowerCase() ?? "";
}
