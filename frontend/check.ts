// What the compilers do not check: how much a first visit loads, and that no text ever becomes markup.
import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const DIST = new URL("../src/randomchat/web/dist/", import.meta.url);
const SOURCES = new URL("src/", import.meta.url);
const INITIAL_MAX_BYTES = 45_000;
const MARKUP = /\{@html|\b(innerHTML|outerHTML|insertAdjacentHTML|srcdoc|createContextualFragment|DOMParser|document\.write)\b/;

async function initialBytes(): Promise<number> {
  const page = await readFile(new URL("index.html", DIST), "utf-8");
  const scripts = [...page.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].map((found) => found[1] as string);
  const contents = await Promise.all(scripts.map((name) => readFile(new URL(name, DIST))));
  return contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0);
}

async function linesWithMarkup(): Promise<string[]> {
  const names = (await readdir(SOURCES, { recursive: true })).filter((name) => /\.(svelte|ts)$/.test(name));
  const found = names.map(async (name) => {
    const lines = (await readFile(new URL(name, SOURCES), "utf-8")).split("\n");
    return lines.flatMap((line, index) => (MARKUP.test(line) ? [`frontend/src/${name}:${index + 1}: ${line.trim()}`] : []));
  });
  return (await Promise.all(found)).flat();
}

const bytes = await initialBytes();
console.log(`Initial JavaScript: ${(bytes / 1000).toFixed(1)} kB gzip (at most ${INITIAL_MAX_BYTES / 1000}).`);
const markup = await linesWithMarkup();
for (const line of markup) console.error(`${line}\n  Text must not become markup.`);
if (bytes > INITIAL_MAX_BYTES || markup.length > 0) process.exitCode = 1;
