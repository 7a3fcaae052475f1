import type { Message } from "../../protocol/index.ts";
import { dayOf } from "../../i18n/format.ts";

/** What the list shows, one below the other. */
export type Row =
  | { kind: "begin"; key: "begin" }
  | { kind: "day"; key: string; time: number }
  | { kind: "unread"; key: "unread" }
  | { kind: "message"; key: string; message: Message; first: boolean; last: boolean }
  | { kind: "typing"; key: "typing" }
  | { kind: "end"; key: "end" };

export interface Extras {
  /** Nothing is older than the first message. */
  complete: boolean;
  /** The id of the message below the unread line. */
  unreadFrom: string | null;
  typing: boolean;
}

const GROUP_MS = 5 * 60_000;

export function rowsOf(messages: readonly Message[], extras: Extras): Row[] {
  const rows: Row[] = extras.complete ? [{ kind: "begin", key: "begin" }] : [];
  messages.forEach((message, index) => {
    const before = messages[index - 1];
    const after = messages[index + 1];
    if (!before || dayOf(before.time) !== dayOf(message.time)) rows.push(dayRow(message.time));
    const isFirstUnread = message.id !== null && message.id === extras.unreadFrom;
    if (isFirstUnread) rows.push({ kind: "unread", key: "unread" });
    const first = isFirstUnread || !belongTogether(before, message);
    const last = !belongTogether(message, after) || (!!after?.id && after.id === extras.unreadFrom);
    rows.push({ kind: "message", key: message.key, message, first, last });
  });
  if (extras.typing) rows.push({ kind: "typing", key: "typing" });
  rows.push({ kind: "end", key: "end" });
  return rows;
}

function dayRow(time: number): Row {
  return { kind: "day", key: `day ${dayOf(time)}`, time };
}

/** One person's messages that follow each other quickly stand together. */
function belongTogether(one: Message | undefined, other: Message | undefined): boolean {
  if (!one || !other || one.mine !== other.mine) return false;
  return dayOf(one.time) === dayOf(other.time) && other.time - one.time < GROUP_MS;
}

/** Whether older messages came before those that were shown: then the list must keep its place from its end. */
export function hasGrownAtStart(before: readonly Message[], after: readonly Message[]): boolean {
  const first = before[0];
  return first !== undefined && after[0]?.key !== first.key && after.some((message) => message.key === first.key);
}
