import fc from "fast-check";
import type { Step } from "./ordeal.ts";

const who = fc.constantFrom(0 as const, 1 as const);
const does = (...kinds: ("say" | "cut" | "vanish" | "reload" | "mute" | "wake" | "offline" | "online" | "read")[]): fc.Arbitrary<Step> =>
  fc.record({ kind: fc.constantFrom(...kinds), who });

const faults = fc.constantFrom("refuse" as const, "storeAndRefuse" as const, "storeAndCut" as const, "storeAndHang" as const, "hang" as const);

/** Away for so long, and back for a moment: more is missed than one replay may bring. */
const absence = who.map((one): Step[] => {
  const other = one === 0 ? 1 : 0;
  const says: Step = { kind: "say", who: other };
  return [
    { kind: "offline", who: one }, { kind: "cut", who: one }, says, says, says, says, { kind: "wait", ms: 300_000 }, says, says, says,
    { kind: "online", who: one }, { kind: "wait", ms: 150 }, says, { kind: "wait", ms: 100 }, { kind: "cut", who: one },
  ];
});

const alone = (step: Step): Step[] => [step];

/** What may happen, the ordinary more often. */
const happening: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 24, arbitrary: does("say").map(alone) },
  { weight: 16, arbitrary: fc.constantFrom(1, 30, 80, 300, 2_000, 15_000, 40_000, 300_000).map((ms) => alone({ kind: "wait", ms })) },
  { weight: 6, arbitrary: faults.map((fault) => alone({ kind: "fault", fault })) },
  { weight: 6, arbitrary: does("cut", "vanish", "reload", "mute").map(alone) },
  { weight: 4, arbitrary: does("wake", "offline", "online", "read").map(alone) },
  { weight: 4, arbitrary: fc.constantFrom("kill" as const, "restart" as const, "sweep" as const).map((kind) => alone({ kind })) },
  { weight: 1, arbitrary: absence },
);

export const steps: fc.Arbitrary<Step[]> = fc.array(happening, { minLength: 5, maxLength: 60, size: "max" }).map((all) => all.flat());
