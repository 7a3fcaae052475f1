/** What was written and not sent, over reloads of this tab. */
const key = (channelId: string): string => `rc:draft:${channelId}`;

export function loadDraft(channelId: string): string {
  try {
    return sessionStorage.getItem(key(channelId)) ?? "";
  } catch {
    return "";
  }
}

export function keepDraft(channelId: string, text: string): void {
  try {
    if (text) sessionStorage.setItem(key(channelId), text);
    else sessionStorage.removeItem(key(channelId));
  } catch {
    // storage is off or full: the draft lives as long as the page
  }
}
