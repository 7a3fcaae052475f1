// The model would notice: each of these mistakes, planted into the client, makes it fail.
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { clientWith, MISTAKES, removeMutants } from "./mutants.ts";
import { steps } from "./model.ts";
import { Ordeal } from "./ordeal.ts";

afterAll(removeMutants);

test.each(MISTAKES)("$what", { timeout: 120_000 }, async (mistake) => {
  const open = await clientWith(mistake);
  const property = fc.asyncProperty(fc.integer(), fc.constantFrom(5, 1000), steps, async (seed, replayMax, taken) => {
    const ordeal = new Ordeal(seed, open, replayMax);
    await ordeal.begin();
    await ordeal.run(taken);
    return (await ordeal.judge()).length === 0;
  });
  const outcome = await fc.check(property, { numRuns: 1_000, endOnFailure: true, seed: 1 });
  expect(outcome.failed).toBe(true);
});
