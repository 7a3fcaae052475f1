/** Times, days, sizes and languages as people of the chosen locale write them. */
import { locale, t } from "./index.ts";

const DAY_MS = 86_400_000;

export function clockTime(time: number): string {
  return new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" }).format(time);
}

/** 75 s are 1:15. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A number that is the same for all times of one day where the reader is. */
export function dayOf(time: number): number {
  const day = new Date(time);
  return Date.UTC(day.getFullYear(), day.getMonth(), day.getDate()) / DAY_MS;
}

export function dayName(time: number, now: number): string {
  const ago = dayOf(now) - dayOf(time);
  if (ago === 0) return t("chat.today");
  if (ago === 1) return t("chat.yesterday");
  return new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" }).format(time);
}

export function fileSize(bytes: number): string {
  const steps = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const step = Math.min(steps.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const style = { style: "unit", unit: steps[step], unitDisplay: "short", maximumFractionDigits: step > 1 ? 1 : 0 } as const;
  return new Intl.NumberFormat(locale, style).format(bytes / 1000 ** step);
}

export function percent(part: number): string {
  return new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 }).format(part);
}

/** The name of a language, in the reader's own. */
export function languageName(tag: string): string {
  return new Intl.DisplayNames(locale, { type: "language", fallback: "code" }).of(tag) ?? tag;
}
