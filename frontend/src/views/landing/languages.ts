import { locale } from "../../i18n/index.ts";
import { languageName } from "../../i18n/format.ts";

const TAGS =
  "ar bg bn ca cs da de el en es et fa fi fr gu he hi hr hu id it ja ko lt lv mr ms nl no pa pl pt ro ru sk sl sr sv sw ta te th tr uk ur vi zh";

/** What can be chosen, in the order of the names that the reader sees. */
export function languageChoices(): { tag: string; name: string }[] {
  const collator = new Intl.Collator(locale);
  return TAGS.split(" ")
    .map((tag) => ({ tag, name: languageName(tag) }))
    .sort((one, other) => collator.compare(one.name, other.name));
}

/** The language that this browser is set to, where it can be chosen. */
export function browserLanguage(): string {
  const tags = TAGS.split(" ");
  return navigator.languages.map((tag) => tag.split("-")[0] ?? "").find((tag) => tags.includes(tag)) ?? "";
}
