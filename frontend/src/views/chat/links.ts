import { tokenize } from "linkifyjs";

const ALLOWED = ["http:", "https:", "mailto:"];

/** The text in pieces, in order; a piece that is a link of an allowed scheme has `href`. Nothing is ever markup. */
export function linksIn(text: string): { text: string; href: string | undefined }[] {
  return tokenize(text).map((token) => ({
    text: token.toString(),
    href: token.isLink ? allowed(token.toHref("https")) : undefined,
  }));
}

function allowed(href: string): string | undefined {
  try {
    return ALLOWED.includes(new URL(href).protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}
