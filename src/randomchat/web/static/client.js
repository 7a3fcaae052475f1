// The page: a name, a search, a conversation. What must survive a reload is kept in this tab's sessionStorage.

const TEXT = 0, ACTION = 1, SEEN = 2, FILE = 3, SYNC = 4, ERROR = 5, BEAT = 6;
const MAX_UNANSWERED = 8, MAX_BYTES = 4096;
const $ = (id) => document.getElementById(id);

const state = { name: "", me: "", token: "", channel: "", outbox: [], ...JSON.parse(sessionStorage.getItem("randomchat") ?? "{}") };
const save = () => sessionStorage.setItem("randomchat", JSON.stringify(state));

function show(view, notice = "") {
  for (const id of ["start", "search", "chat"]) $(id).hidden = id !== view;
  $(view === "chat" ? "notice" : "start-notice").textContent = notice;
  history.replaceState(null, "", view === "chat" ? "/chat" : "/");
}

async function call(method, path, body) {
  const headers = state.token ? { Authorization: `Bearer ${state.token}` } : {};
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(15000) });
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.msg), { status: response.status });
  return answer;
}

// A WebSocket that comes back by itself. `on`: open(); frame(frame); lost(); refused(code) where it must not come back.
class Line {
  constructor(address, on, beats) {
    Object.assign(this, { address, on, beats, tries: 0, socket: null });
    this.wake = () => this.socket || this.open();
    addEventListener("online", this.wake);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.restart(), 15000);
    this.socket = new WebSocket(...this.address());
    this.socket.onopen = () => {
      clearTimeout(this.timer);
      this.heardAt = this.beatAt = Date.now();
      this.ticker = setInterval(() => this.tick(), 10000);
      this.stable = setTimeout(() => { this.tries = 0; }, 5000);
      this.on.open?.();
    };
    this.socket.onmessage = (event) => {
      this.heardAt = Date.now();
      this.on.frame(JSON.parse(event.data));
    };
    this.socket.onclose = (event) => this.ended(event.code);
  }

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  // Timers of hidden pages are late: a silent line with beats is dead only if the last beat was not answered.
  tick() {
    const unanswered = this.heardAt < this.beatAt;
    const silent = Date.now() - this.heardAt > 25000;
    if (silent && (unanswered || !this.beats)) this.restart();
    else if (this.beats && !unanswered) {
      this.beatAt = Date.now();
      this.send({ event: BEAT, payload: "" });
    }
  }

  restart() {
    this.ended(1006);
  }

  ended(code) {
    this.drop();
    if (code >= 4500) {
      this.stop();
      this.on.refused(code);
      return;
    }
    this.on.lost();
    this.timer = setTimeout(() => this.open(), Math.random() * Math.min(20000, 500 * 2 ** this.tries++));
  }

  drop() {
    clearInterval(this.ticker);
    clearTimeout(this.stable);
    clearTimeout(this.timer);
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  stop() {
    removeEventListener("online", this.wake);
    this.drop();
  }
}

const socketAddress = (path) => new URL(path, location).href.replace(/^http/, "ws");

// The search

let line = null, searches = 0;

async function signIn() {
  const name = $("name").value.trim();
  const isKnown = (error) => error.status !== 401 && error.status !== 404;
  if (state.me && state.name === name && (await call("GET", "/api/user/me").catch(isKnown))) return;
  const user = await call("POST", "/api/user", { name });
  Object.assign(state, { me: user.id, name: user.name });
  save();
}

async function search() {
  const number = ++searches;
  line?.stop();
  Object.assign(state, { token: "", channel: "", outbox: [] });
  save();
  $("waited").textContent = "";
  show("search");
  try {
    await signIn();
  } catch (error) {
    if (number === searches) show("start", error.status ? error.message : "The server does not answer. Try again in a moment.");
    return;
  }
  if (number !== searches) return;
  line = new Line(() => [socketAddress("/api/match")], {
    frame(answer) {
      if (answer.access_token && answer.channel_id) enter(answer);
      else $("waited").textContent = `Waiting for ${Math.round((answer.waited_ms ?? 0) / 1000)} s`;
    },
    lost: () => signIn().catch(() => {}), // a page can't see why an upgrade was refused: perhaps the session is over
    refused: () => show("start", "The search was ended. Start again."),
  }, false);
}

function cancel() {
  searches++;
  line?.stop();
  show("start");
}

function enter(answer) {
  line.stop();
  Object.assign(state, { token: answer.access_token, channel: answer.channel_id });
  save();
  converse();
}

// The conversation

const older = (a, b) => a.length < b.length || (a.length === b.length && a < b); // ids are numbers that JavaScript can't hold
const sendButton = () => $("message-form").querySelector("button");
let chat = null;

function converse() {
  chat = { messages: new Map(), after: "0", newest: "0", synced: false, seen: "0", over: false, flying: new Set(), hold: 0 };
  $("messages").replaceChildren();
  $("typing").textContent = $("presence").textContent = "";
  for (const { client_id, payload } of state.outbox) place({ event: TEXT, user_id: state.me, client_id, payload });
  sendButton().disabled = false;
  show("chat");
  line = new Line(
    () => [socketAddress(`/api/chat?after=${chat.after}`), ["randomchat.v1", state.token]],
    { open: opened, frame: receive, lost: () => { $("presence").textContent = "Connecting …"; }, refused: over },
    true,
  );
}

function opened() {
  chat.synced = false;
  chat.newest = "0";
  chat.flying.clear();
  clearTimeout(chat.hold);
  chat.hold = 0;
  pump();
}

function over(code) {
  const why = { 4503: "This conversation is over.", 4509: "This conversation is open in another place." };
  chat.over = true;
  $("typing").textContent = "";
  if (!$("notice").textContent) $("notice").textContent = why[code] ?? "This conversation can't go on.";
  sendButton().disabled = true;
}

function receive(frame) {
  if (frame.event === TEXT || frame.event === FILE) {
    place(frame);
    if (frame.ack) acknowledged(frame.client_id);
    if (older(chat.newest, frame.message_id)) chat.newest = frame.message_id;
    if (chat.synced && older(chat.after, frame.message_id)) chat.after = frame.message_id;
    if (frame.user_id !== state.me) $("typing").textContent = "";
    tellSeen();
  } else if (frame.event === ACTION) act(frame);
  else if (frame.event === SEEN && frame.user_id === state.me) markSeen(frame.payload);
  else if (frame.event === SYNC) synced(JSON.parse(frame.payload));
  else if (frame.event === ERROR) refused(frame.client_id, JSON.parse(frame.payload));
}

async function synced({ recovered, last }) {
  const current = line.socket;
  try {
    if (!recovered) await reload();
  } catch {
    if (line.socket === current) line.restart();
    return;
  }
  if (line.socket !== current) return;
  chat.synced = true;
  chat.after = older(last, chat.newest) && !recovered ? chat.newest : last;
  chat.seen = "0";
  tellSeen();
}

async function reload() {
  let ps = "";
  do {
    const page = await call("GET", `/api/chat/channel/messages?ps=${ps}`);
    page.messages.forEach(place);
    ps = page.next_ps;
  } while (ps);
}

// Puts a message where its id says. The same one may come again, under a smaller id too: then it moves.
function place(frame) {
  const key = frame.client_id ? `${frame.user_id} ${frame.client_id}` : frame.message_id;
  const known = chat.messages.get(key);
  const message = known ?? { mine: frame.user_id === state.me, item: document.createElement("li") };
  if (!known) {
    chat.messages.set(key, message);
    message.item.textContent = frame.event === FILE ? `📎 ${JSON.parse(frame.payload).file_name}` : frame.payload;
    message.item.classList.toggle("mine", message.mine);
  }
  if (known && (!frame.message_id || (known.id && !older(frame.message_id, known.id)))) return;
  Object.assign(message, { id: frame.message_id, seen: message.seen || frame.seen, key });
  insert(message);
  note(message, "");
}

function insert(message) {
  const list = $("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  message.item.dataset.id = message.id ?? "";
  let next = null;
  for (let item = list.lastElementChild; item && message.id; item = item.previousElementSibling) {
    if (item === message.item) continue;
    if (item.dataset.id && older(item.dataset.id, message.id)) break;
    next = item;
  }
  list.insertBefore(message.item, next);
  if (atEnd || message.mine) list.scrollTop = list.scrollHeight;
}

function note(message, text) {
  const unsent = message.mine && state.outbox.some(({ client_id }) => `${state.me} ${client_id}` === message.key);
  message.item.dataset.note = text || (!message.mine ? "" : unsent ? "sending" : message.seen ? "seen" : "sent");
}

function markSeen(id) {
  for (const message of chat.messages.values()) {
    if (!message.mine || !message.id || older(id, message.id) || message.seen) continue;
    message.seen = true;
    note(message, "");
  }
}

function tellSeen() {
  if (document.hidden || !chat?.synced) return;
  let newest = "0";
  for (const { mine, id } of chat.messages.values()) if (!mine && id && older(newest, id)) newest = id;
  if (!older(chat.seen, newest)) return;
  chat.seen = newest;
  line.send({ event: SEEN, payload: newest });
}

function act({ user_id, payload }) {
  const mine = user_id === state.me;
  const words = { joined: "Your partner is here", reconnecting: "Your partner's connection broke", offline: "Your partner is away" };
  if (payload === "waiting" && mine) $("presence").textContent = "Waiting for your partner to come";
  if (words[payload] && (!mine || payload === "joined")) $("presence").textContent = words[payload];
  if (payload === "leaved") {
    $("presence").textContent = "";
    $("notice").textContent = mine ? "You have left." : "Your partner has left.";
  }
  if (mine) return;
  clearTimeout(chat.peerTyping);
  $("typing").textContent = payload === "istyping" ? "Your partner is writing …" : "";
  if (payload === "istyping") chat.peerTyping = setTimeout(() => { $("typing").textContent = ""; }, 8000);
}

// Sending: in order, few at a time, again and again until each is acknowledged

function pump() {
  if (chat.hold || chat.over || line.socket?.readyState !== WebSocket.OPEN) return;
  for (const message of state.outbox) {
    if (chat.flying.has(message.client_id)) continue;
    if (chat.flying.size >= MAX_UNANSWERED) break;
    chat.flying.add(message.client_id);
    line.send({ event: TEXT, payload: message.payload, client_id: message.client_id, retry: message.tried });
    message.tried = true;
  }
  save();
}

function acknowledged(client_id) {
  chat.flying.delete(client_id);
  state.outbox = state.outbox.filter((message) => message.client_id !== client_id);
  const message = chat.messages.get(`${state.me} ${client_id}`);
  if (message) note(message, "");
  pump();
}

function refused(client_id, { code, msg, retryable, retry_after_ms }) {
  const at = state.outbox.findIndex((message) => message.client_id === client_id);
  if (at < 0) return;
  if (!retryable) {
    acknowledged(client_id);
    note(chat.messages.get(`${state.me} ${client_id}`), `not sent: ${msg}`);
  } else if (code === "resend_first" && at === 0) {
    line.restart();
  } else {
    for (const message of state.outbox.slice(at)) chat.flying.delete(message.client_id);
    chat.hold ||= setTimeout(() => { chat.hold = 0; pump(); }, Math.max(200, retry_after_ms));
  }
}

// Without TLS browsers offer no UUIDs, except on localhost.
const newId = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join("-");

function say() {
  const payload = $("text").value.trim();
  if (!payload || chat.over) return;
  const bytes = new TextEncoder().encode(payload).length;
  $("notice").textContent = bytes > MAX_BYTES ? `The message is ${bytes - MAX_BYTES} bytes too long.` : "";
  if (bytes > MAX_BYTES) return;
  const message = { client_id: newId(), payload, tried: false };
  state.outbox.push(message);
  place({ event: TEXT, user_id: state.me, client_id: message.client_id, payload });
  $("text").value = "";
  rest();
  pump();
}

// Typing

let typingAt = 0, restTimer = 0;

function typing() {
  clearTimeout(restTimer);
  restTimer = setTimeout(rest, 4000);
  if (Date.now() - typingAt < 3000) return;
  typingAt = Date.now();
  line.send({ event: ACTION, payload: "istyping" });
}

function rest() {
  clearTimeout(restTimer);
  if (typingAt) line.send({ event: ACTION, payload: "endtyping" });
  typingAt = 0;
}

async function next() {
  $("next").disabled = true;
  try {
    if (!chat.over) await call("DELETE", "/api/chat/channel").catch((error) => { if (error.status !== 401) throw error; });
    await search();
  } catch {
    $("notice").textContent = "The conversation could not be ended. Try again in a moment.";
  }
  $("next").disabled = false;
}

$("start-form").onsubmit = (event) => { event.preventDefault(); search(); };
$("message-form").onsubmit = (event) => { event.preventDefault(); say(); };
$("cancel").onclick = cancel;
$("next").onclick = next;
$("text").oninput = () => { if ($("text").value) typing(); };
$("text").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  say();
};
document.addEventListener("visibilitychange", tellSeen);

$("name").value = state.name;
if (state.token) converse();
else show("start");
