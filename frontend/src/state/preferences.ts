/** What a person chose last time, so that the next search takes one click. Kept in this browser, never sent but for a search. */
export interface Preferences {
  name: string;
  interests: readonly string[];
  /** A BCP 47 tag; "" for any. */
  language: string;
}

const KEY = "rc:preferences";

export function loadPreferences(fallback: Preferences): Preferences {
  try {
    return { ...fallback, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences>) };
  } catch {
    return fallback; // storage is off, or holds what is not ours
  }
}

export function savePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // without storage they are asked for again
  }
}
