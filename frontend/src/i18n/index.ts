/**
 * Sentences by key. A language is a module like en.ts; `satisfies Sentences` there makes the compiler find what is missing.
 * To add one: write it, and name it in `languages`; it is loaded only where it is used.
 */
import { en } from "./en.ts";

type Plural = { readonly other: string } & Partial<Readonly<Record<Intl.LDMLPluralRule, string>>>;
export type SentenceKey = keyof typeof en;
export type Sentences = { readonly [Key in SentenceKey]: (typeof en)[Key] extends string ? string : Plural };
export type Values = Readonly<Record<string, string | number>>;

const languages: Readonly<Record<string, () => Promise<Sentences>>> = {
  en: async () => en,
};

let sentences: Sentences = en;
export let locale = "en";

/** Choose the first of the wanted languages that there is; to be called before the first view is drawn. */
export async function chooseLanguage(wanted: readonly string[]): Promise<void> {
  const known = wanted.map((tag) => tag.split("-")[0] ?? "").find((tag) => tag in languages) ?? "en";
  sentences = (await languages[known]?.()) ?? en;
  locale = known;
  document.documentElement.lang = known;
  document.documentElement.dir = isRightToLeft(known) ? "rtl" : "ltr";
}

const isRightToLeft = (tag: string): boolean => ["ar", "dv", "fa", "he", "ku", "ps", "ur", "yi"].includes(tag);

/** The sentence, with `{name}` replaced by the value of that name; a plural needs `count`. */
export function t(key: SentenceKey, values: Values = {}): string {
  const sentence = sentences[key];
  const text = typeof sentence === "string" ? sentence : plural(sentence, Number(values.count));
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => shown(values[name]) ?? whole);
}

function plural(forms: Plural, count: number): string {
  return forms[new Intl.PluralRules(locale).select(count)] ?? forms.other;
}

function shown(value: string | number | undefined): string | undefined {
  return typeof value === "number" ? new Intl.NumberFormat(locale).format(value) : value;
}
