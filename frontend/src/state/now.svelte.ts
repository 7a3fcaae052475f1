import { createSubscriber } from "svelte/reactivity";

const track = createSubscriber((update) => {
  const timer = setInterval(update, 1000);
  return () => clearInterval(timer);
});

/** The time in milliseconds; what reads it is drawn again every second, and no timer runs where nothing does. */
export function now(): number {
  track();
  return Date.now();
}
