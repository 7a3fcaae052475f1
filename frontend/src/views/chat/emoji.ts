const EMOJI = /\p{Extended_Pictographic}|\p{RI}/u;
const NO_EMOJI = /[\p{L}\p{N}\p{P}]/u;

/** Up to three emoji and nothing else: these are shown large. */
export function isFewEmoji(text: string): boolean {
  if (text.length > 40 || !EMOJI.test(text) || NO_EMOJI.test(text)) return false;
  return [...new Intl.Segmenter().segment(text.replace(/\s+/g, ""))].length <= 3;
}
