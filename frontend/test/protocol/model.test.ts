// Whatever breaks, and in whatever order: in the end both sides show the same conversation, and everything in it once.
import fc from "fast-check";
import { expect, test } from "vitest";
import { openClient } from "../../src/protocol/index.ts";
import { steps } from "./model.ts";
import { Ordeal } from "./ordeal.ts";

test("both sides end with the same conversation, everything in it once and in order", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.constantFrom(5, 1000), steps, async (seed, replayMax, taken) => {
      const ordeal = new Ordeal(seed, openClient, replayMax);
      await ordeal.begin();
      await ordeal.run(taken);
      expect(await ordeal.judge()).toEqual([]);
    }),
    { numRuns: Number(process.env.RUNS ?? 150) },
  );
});
