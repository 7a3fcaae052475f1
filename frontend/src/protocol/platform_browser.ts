import type { Platform, Transfer } from "./platform.ts";
import { noAnswer, Refusal } from "./refusal.ts";

const CLAIM_MS = 500;

/** The browser of this page. */
export function browserPlatform(): Platform {
  return {
    origin: location.origin,
    storage: sessionStorage,
    shared: localStorage,
    fetch: (url, init) => fetch(url, init),
    openSocket: (url, protocols) => new WebSocket(url, protocols),
    put,
    now: () => Date.now(),
    after(delayMs, action) {
      const timer = setTimeout(action, delayMs);
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    newId,
    isOnline: () => navigator.onLine,
    onWake,
    claim,
  };
}

// Without TLS browsers offer no UUIDs, except on localhost.
function newId(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function onWake(listener: () => void): () => void {
  const whenVisible = (): void => {
    if (!document.hidden) listener();
  };
  const places: [EventTarget, string, () => void][] = [
    [window, "online", listener],
    [window, "offline", listener],
    [window, "pageshow", listener],
    [document, "resume", listener],
    [document, "visibilitychange", whenVisible],
  ];
  for (const [target, event, action] of places) target.addEventListener(event, action);
  return () => {
    for (const [target, event, action] of places) target.removeEventListener(event, action);
  };
}

// fetch() can't tell the progress of what it sends.
function put(url: string, body: Blob, onProgress: (fraction: number) => void): Transfer {
  const request = new XMLHttpRequest();
  const done = new Promise<void>((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onload = () => (request.status < 300 ? resolve() : reject(refusalOf(request)));
    request.onerror = request.ontimeout = () => reject(noAnswer());
    request.onabort = () => reject(new Refusal("cancelled", "Cancelled.", false));
  });
  request.open("PUT", url);
  request.send(body);
  return { done, abort: () => request.abort() };
}

// An object store answers in its own words.
function refusalOf({ status, responseText }: XMLHttpRequest): Refusal {
  try {
    const { code, msg, retryable } = JSON.parse(responseText) as { code: string; msg: string; retryable: boolean };
    return new Refusal(code, msg, retryable, status);
  } catch {
    return new Refusal(`http_${status}`, "The file was not taken.", status >= 500, status);
  }
}

// A document that is going away lets go within moments; a tab that was copied from a living one waits in vain. Without locks
// (pages without TLS) each believes that it is alone: what both then send is stored once all the same.
async function claim(name: string): Promise<boolean> {
  if (!navigator.locks) return true;
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), CLAIM_MS);
  return new Promise<boolean>((resolve) => {
    const holdForEver = (): Promise<never> => {
      clearTimeout(timer);
      resolve(true);
      return new Promise<never>(() => {});
    };
    navigator.locks.request(name, { signal: giveUp.signal }, holdForEver).catch(() => resolve(false));
  });
}
