import { describe, expect, test } from "vitest";
import { isFewEmoji } from "../../src/views/chat/emoji.ts";
import { fileKind } from "../../src/views/chat/filekind.ts";
import { linksIn } from "../../src/views/chat/links.ts";
import { UnreadLine } from "../../src/views/chat/unread.ts";
import { addInterests } from "../../src/views/landing/interests.ts";
import { nameFault } from "../../src/views/landing/name.ts";

describe("interests", () => {
  test("several come at once, tidied, and none twice whatever its case and width", () => {
    expect(addInterests(["Jazz"], " jazz,film   photography, ＪＡＺＺ ").interests).toEqual(["Jazz", "film photography"]);
  });

  test("an eleventh and one of 31 characters are refused, the others stay", () => {
    const ten = Array.from({ length: 10 }, (_, number) => `interest ${number}`);
    expect(addInterests(ten, "one more")).toEqual({ interests: ten, refused: "full" });
    expect(addInterests([], `chess,${"x".repeat(31)}`)).toEqual({ interests: ["chess"], refused: "long" });
    expect(addInterests([], "🎷".repeat(30)).refused).toBeUndefined();
  });
});

describe("a name", () => {
  test.each([
    ["", "landing.name.missing"],
    ["   ", "landing.name.missing"],
    ["x".repeat(16), "landing.name.long"],
    ["tab\there", "landing.name.odd"],
    ["\u202eevil", "landing.name.odd"],
    ["🎷".repeat(15), undefined],
    [" Noa ", undefined],
  ])("%j: %s", (name, fault) => expect(nameFault(name)).toBe(fault));
});

describe("links", () => {
  const hrefs = (text: string) => linksIn(text).flatMap((token) => token.href ?? []);

  test("addresses of the web and of mail are links", () => {
    expect(hrefs("see example.org/a?b=1, http://example.org and me@example.org.")).toEqual([
      "https://example.org/a?b=1", "http://example.org", "mailto:me@example.org",
    ]);
  });

  test("nothing else is", () => {
    for (const text of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "ftp://example.org/x"]) {
      expect(hrefs(text).filter((href) => !/^(https?|mailto):/.test(href))).toEqual([]);
    }
  });

  test("the pieces are the whole text", () => {
    const text = "a https://example.org/<b>\n\n b@c.de 👩‍👩‍👧 مرحبا";
    expect(linksIn(text).map((token) => token.text).join("")).toBe(text);
  });
});

test.each([["😂", true], ["😂😂 👍🏽", true], ["👩‍👩‍👧‍👦", true], ["🇪🇺", true], ["😂😂😂😂", false], ["hi 😂", false], ["1", false], [":)", false]])(
  "%s is shown large: %s", (text, large) => expect(isFewEmoji(text)).toBe(large),
);

test.each([["1/a.png", "image"], ["1/a.WEBM", "video"], ["1/a.mp3", "audio"], ["1/a.zip", "archive"], ["1/a", "file"], ["1/a.svg", "file"]])(
  "%s is shown as %s", (key, kind) => expect(fileKind(key)).toBe(kind),
);

describe("the unread line", () => {
  test("stands where something came unwatched, and stays while one reads on", () => {
    const line = new UnreadLine();
    expect(line.note("5", false)).toBe(true);
    expect(line.note("8", true)).toBe(false);
    expect(line.from).toBe("5");
  });

  test("does not come for what is watched", () => {
    const line = new UnreadLine();
    line.note("5", true);
    expect(line.from).toBeNull();
  });

  test("moves when all was seen and something new comes unwatched", () => {
    const line = new UnreadLine();
    line.note("5", false);
    line.note(null, true);
    expect(line.note("9", false)).toBe(true);
    expect(line.from).toBe("9");
  });
});
