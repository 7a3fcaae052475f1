// The types in src/protocol/generated are those that the documents in ../api make.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";

const COMMITTED = new URL("../src/protocol/generated/", import.meta.url);
const fresh = mkdtempSync(join(tmpdir(), "types-"));
afterAll(() => rmSync(fresh, { recursive: true }));

test("the committed types are those of the documents: else run `make openapi` and commit what it writes", { timeout: 30_000 }, () => {
  execFileSync(process.execPath, ["generate.ts", `${pathToFileURL(fresh)}/`]);
  const names = readdirSync(fresh);
  expect(readdirSync(COMMITTED)).toEqual(names);
  for (const name of names) expect(readFileSync(new URL(name, COMMITTED), "utf-8")).toBe(readFileSync(join(fresh, name), "utf-8"));
});
