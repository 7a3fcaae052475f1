/** What is over within this time was never there as far as a person can tell. */
const PATIENCE_MS = 1200;

/** Whether a condition has held for a while. To be called while a component is set up. */
export function lateness(holds: () => boolean): () => boolean {
  let isLate = $state(false);
  const isNow = $derived(holds());
  $effect(() => {
    isLate = false;
    if (!isNow) return;
    const timer = setTimeout(() => (isLate = true), PATIENCE_MS);
    return () => clearTimeout(timer);
  });
  return () => isLate;
}
