import { createSubscriber } from "svelte/reactivity";

export type Path = "/" | "/chat";

let announce: () => void = () => undefined;

const track = createSubscriber((update) => {
  announce = update;
  addEventListener("popstate", update);
  return () => removeEventListener("popstate", update);
});

/** The address that is shown; the browser's back and forward buttons change it. */
export function path(): Path {
  track();
  return location.pathname === "/chat" ? "/chat" : "/";
}

/** Shows another address; `replace` leaves no way back to the one before. */
export function go(to: Path, { replace = false } = {}): void {
  if (location.pathname === to) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  announce();
}
