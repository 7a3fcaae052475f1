/** Interests as the server takes them: up to 10, of 1 to 30 characters, the same whatever their case and width. */
export const MOST_INTERESTS = 10;
export const MOST_CHARACTERS = 30;

export type Addition = { interests: readonly string[]; refused?: "full" | "long" };

/** `text` may hold several, parted by commas. What is there already is not added again. */
export function addInterests(interests: readonly string[], text: string): Addition {
  const added = [...interests];
  for (const interest of text.split(/[,،、\n]/).map(tidy).filter(Boolean)) {
    if ([...interest].length > MOST_CHARACTERS) return { interests: added, refused: "long" };
    if (added.some((other) => fold(other) === fold(interest))) continue;
    if (added.length === MOST_INTERESTS) return { interests: added, refused: "full" };
    added.push(interest);
  }
  return { interests: added };
}

const tidy = (text: string): string => text.trim().replace(/\s+/g, " ");
const fold = (text: string): string => text.normalize("NFKC").toLowerCase();
