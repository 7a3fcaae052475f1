import { createSubscriber } from "svelte/reactivity";

const track = createSubscriber((update) => {
  document.addEventListener("visibilitychange", update);
  return () => document.removeEventListener("visibilitychange", update);
});

/** Whether the page can be seen at all. */
export function isPageVisible(): boolean {
  track();
  return document.visibilityState === "visible";
}
