const encoder = new TextEncoder();

/** The length of a text in bytes of UTF-8, as the server counts. */
export function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The same without halves of surrogate pairs, which UTF-8 can't say and the server refuses. */
export function wellFormed(text: string): string {
  return decoder.decode(encoder.encode(text));
}
