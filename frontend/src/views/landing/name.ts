/** The rules of a name, as the server has them, so that most mistakes are told before it is asked. */
export const MOST_NAME_CHARACTERS = 15;

export type NameFault = "landing.name.missing" | "landing.name.long" | "landing.name.odd";

// control characters, lone surrogates, and those that turn the direction of the text around them
const ODD = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

export function nameFault(name: string): NameFault | undefined {
  const characters = [...name.trim()].length;
  if (characters === 0) return "landing.name.missing";
  if (characters > MOST_NAME_CHARACTERS) return "landing.name.long";
  return ODD.test(name.trim()) ? "landing.name.odd" : undefined;
}
