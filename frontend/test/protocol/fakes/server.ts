// A server in memory that keeps the contract, and breaks as a test wants it to. It notes what no client should ever do.
import type { FakeClock } from "./clock.ts";
import type { FakeNetwork } from "./platform.ts";
import { Store, type Row } from "./store.ts";
import type { Wire, WireEnd } from "./wire.ts";

const OLD_MS = 10_000;
const MARKS_WRITTEN_MS = 400;
const SWEEP_MS = 60_000;
const SKEW_MS = 30_000;

/** What happens to the next message: it is stored or not, and refused, lost with the socket, or its socket takes no more messages. */
export type Fault = "refuse" | "storeAndRefuse" | "storeAndCut" | "storeAndHang" | "hang";

interface ClientFrame {
  event: number;
  payload: string;
  client_id?: string;
  retry?: boolean;
}

export class FakeServer implements FakeNetwork {
  readonly complaints: string[] = [];
  readonly store = new Store();
  readonly clock: FakeClock;
  readonly faults: Fault[] = [];
  /** Codes with which the next messages are refused for good. */
  readonly refuses: string[] = [];
  readonly sockets = new Set<ServerSocket>();
  /** Every frame that came, with its sender. */
  readonly received: (ClientFrame & { from: string })[] = [];
  readonly requests: string[] = [];
  tokenLifeMs = 24 * 3_600_000;
  isUp = true;
  isSignedIn = true;
  refusesMatch = false;
  replayMax = 1000;
  pageMax = 5000;
  #tokens = 0;
  #waiting: Wire[] = [];
  #accounts = 0;

  constructor(clock: FakeClock) {
    this.clock = clock;
    this.#sweepNowAndThen();
  }

  token(userId: string): string {
    const iat = this.clock.now / 1000;
    const claims = { sub: userId, channel: "7", iat, exp: iat + this.tokenLifeMs / 1000, jti: this.#tokens++ };
    return `e30.${btoa(JSON.stringify(claims))}.x`;
  }

  // -------------------------------------------------------------------------------------------- requests

  async answer(url: string, init: RequestInit): Promise<{ status: number; body?: unknown }> {
    if (!this.isUp) throw new Error("nobody listens");
    this.requests.push(`${init.method} ${url}`);
    const { pathname, searchParams } = new URL(url, "http://chat.test");
    const token = new Headers(init.headers).get("Authorization")?.slice("Bearer ".length) ?? "";
    if (pathname.startsWith("/api/chat") && !this.#isGood(token)) return refusal(401, "unauthorized");
    switch (`${init.method} ${pathname}`) {
      case "GET /api/user/me":
        return this.isSignedIn ? { status: 200, body: { id: "11", name: "Ada", picture: "" } } : refusal(401, "unauthorized");
      case "GET /api/user": return { status: 200, body: { id: searchParams.get("uid"), name: "Ben", picture: "" } };
      case "POST /api/user": return { status: 201, body: { id: String(++this.#accounts), name: "?" } };
      case "GET /api/chat/users": return { status: 200, body: { user_ids: this.store.members } };
      case "POST /api/user/logout": return { status: 204 };
      case "POST /api/chat/token": return { status: 200, body: { access_token: this.token(claims(token).sub) } };
      case "DELETE /api/chat/channel": return this.#close(claims(token).sub);
      case "GET /api/chat/channel/messages": {
        const limit = Math.min(this.pageMax, Number(searchParams.get("limit") ?? 5200));
        return { status: 200, body: this.store.page(searchParams.get("ps") ?? "", limit) };
      }
      default: return refusal(404, "not_found");
    }
  }

  #isGood(token: string): boolean {
    return token !== "" && !this.store.isClosed && claims(token).exp * 1000 > this.clock.now;
  }

  #close(userId: string): { status: number } {
    this.store.isClosed = true;
    for (const socket of [...this.sockets]) {
      socket.send(1, userId, "leaved");
      socket.close(4503);
    }
    return { status: 204 };
  }

  // -------------------------------------------------------------------------------------------- sockets

  connect(wire: Wire): void {
    if (!this.isUp || (this.refusesMatch && wire.path.startsWith("/api/match"))) {
      this.clock.after(5, () => wire.close(1006));
    } else if (wire.path.startsWith("/api/match")) {
      this.#wait(wire);
    } else {
      const token = wire.protocols[1] ?? "";
      const socket = new ServerSocket(this, wire, token === "" ? "" : claims(token).sub);
      wire.accept(socket);
      if (this.#isGood(token)) socket.join(BigInt(new URLSearchParams(wire.path.split("?")[1]).get("after") ?? "0"));
      else wire.close(4501);
    }
  }

  #wait(wire: Wire): void {
    wire.accept({ received: () => {}, closed: () => (this.#waiting = this.#waiting.filter((other) => other !== wire)) });
    wire.send({ access_token: "", channel_id: "", status: "waiting", waited_ms: 0 });
    this.#waiting.push(wire);
    if (this.#waiting.length < 2) return;
    for (const [index, waiting] of this.#waiting.splice(0, 2).entries()) {
      const access_token = this.token(this.store.members[index] as string);
      waiting.send({ access_token, channel_id: "7", status: "matched", common_interests: ["art"] });
      waiting.close(1000);
    }
  }

  /** As `kill -9`: sockets break, what was stored stays. */
  kill(): void {
    this.isUp = false;
    this.store.forgetUnwrittenMarks();
    for (const socket of [...this.sockets]) socket.wire.cut(true);
    for (const wire of this.#waiting.splice(0)) wire.cut(true);
    this.sockets.clear();
  }

  /** Hands out what was stored since the last time and not handed out, as happens where it was stored in trouble. */
  sweep(): void {
    const recent = this.store.rows.filter(({ time }) => time >= this.clock.now - SWEEP_MS - SKEW_MS);
    for (const socket of this.sockets) for (const row of recent) socket.deliver(row);
  }

  #sweepNowAndThen(): void {
    this.clock.after(SWEEP_MS, () => {
      this.sweep();
      this.#sweepNowAndThen();
    });
  }

  isOnline(userId: string): boolean {
    return [...this.sockets].some((socket) => socket.userId === userId);
  }

  tell(action: string, userId: string, but?: ServerSocket): void {
    for (const socket of this.sockets) if (socket !== but) socket.send(1, userId, action);
  }

  complain(what: string): void {
    this.complaints.push(what);
  }
}

export class ServerSocket implements WireEnd {
  readonly wire: Wire;
  readonly userId: string;
  readonly #server: FakeServer;
  readonly #handed = new Set<bigint>();
  readonly #keys = new Map<string, bigint>();
  #mustResend: string | null = null;
  #hangs = false;

  constructor(server: FakeServer, wire: Wire, userId: string) {
    this.#server = server;
    this.wire = wire;
    this.userId = userId;
  }

  join(after: bigint): void {
    const { store, sockets, replayMax } = this.#server;
    sockets.add(this);
    const rows = store.after(after);
    const recovered = rows.length <= replayMax;
    if (recovered) for (const row of rows) this.deliver(row);
    const last = [after, ...store.rows.map(({ id }) => id)].reduce((one, other) => (one > other ? one : other));
    if (!recovered) for (const row of store.rows) this.#note(row);
    this.send(4, this.userId, JSON.stringify({ recovered, last: String(last) }));
    for (const member of store.members) {
      const seen = store.seen.get(member);
      if (seen) this.send(2, this.#other(member), String(seen), true);
    }
    const isTogether = this.#server.isOnline(this.#other(this.userId));
    this.send(1, this.userId, isTogether ? "joined" : "waiting");
    this.send(1, this.#other(this.userId), isTogether ? "joined" : "offline");
    this.#server.tell("joined", this.userId, this);
  }

  closed(code: number): void {
    if (!this.#server.sockets.delete(this) || this.#server.isOnline(this.userId)) return;
    this.#server.tell(code === 1006 ? "reconnecting" : "offline", this.userId);
  }

  close(code: number): void {
    this.wire.close(code);
    this.#server.sockets.delete(this);
  }

  send(event: number, userId: string, payload: string, seen = false, more: object = {}): void {
    this.wire.send({ message_id: "0", event, user_id: userId, payload, seen, time: this.#server.clock.now, ...more });
  }

  /** A socket never gets the same twice; a smaller id of the same message passes. */
  deliver(row: Row): void {
    const key = `${row.userId} ${row.clientId}`;
    const known = this.#keys.get(key);
    if (this.#handed.has(row.id) || (known !== undefined && known < row.id)) return;
    this.#note(row);
    this.wire.send(this.#server.store.frame(row));
  }

  received(text: string): void {
    const frame = JSON.parse(text) as ClientFrame;
    this.#server.received.push({ ...frame, from: this.userId });
    if (frame.event === 0 || frame.event === 3) this.#message(frame, frame.client_id ?? "");
    else if (frame.event === 2) this.#seen(BigInt(frame.payload));
    else if (frame.event === 1) this.#server.tell(frame.payload, this.userId);
    else if (frame.event === 6) this.send(6, this.userId, frame.payload);
  }

  #message(frame: ClientFrame, clientId: string): void {
    if (this.#hangs) return;
    if (this.#mustResend !== null && this.#mustResend !== clientId) {
      this.#refuse(clientId, "resend_first");
      return;
    }
    this.#mustResend = null;
    const forGood = this.#server.refuses.shift();
    if (forGood !== undefined) {
      this.#refuse(clientId, forGood, false);
      return;
    }
    const fault = this.#server.faults.shift();
    if (fault?.startsWith("store") ?? true) {
      const row = this.#store(frame, clientId);
      if (fault === undefined) this.#publish(row);
    }
    this.#hangs = fault === "hang" || fault === "storeAndHang";
    if (fault === "storeAndCut") this.wire.cut(true);
    if (fault !== "refuse" && fault !== "storeAndRefuse") return;
    this.#mustResend = clientId;
    this.#refuse(clientId, "unavailable");
  }

  #store(frame: ClientFrame, clientId: string): Row {
    const { store, clock } = this.#server;
    const found = frame.retry ? store.find(this.userId, clientId) : undefined;
    if (found && clock.now - found.time <= OLD_MS) return found;
    return store.insert(this.userId, frame.event, frame.payload, clientId, clock.now);
  }

  #publish(row: Row): void {
    this.#note(row);
    this.wire.send({ ...this.#server.store.frame(row), ack: true });
    for (const socket of this.#server.sockets) if (socket !== this) socket.deliver(row);
  }

  #refuse(clientId: string, code: string, retryable = true): void {
    const payload = JSON.stringify({ code, msg: "Not now.", retryable, retry_after_ms: retryable ? 300 : 0 });
    this.send(5, this.userId, payload, false, { client_id: clientId });
  }

  #seen(id: bigint): void {
    const { store, sockets } = this.#server;
    store.see(this.userId, id);
    this.#server.clock.after(MARKS_WRITTEN_MS, () => store.writeMarks());
    for (const socket of sockets) socket.send(2, this.#other(this.userId), String(id), true);
  }

  #note(row: Row): void {
    this.#handed.add(row.id);
    this.#keys.set(`${row.userId} ${row.clientId}`, row.id);
  }

  #other(userId: string): string {
    return this.#server.store.members.find((member) => member !== userId) as string;
  }
}

export function claims(token: string): { sub: string; exp: number } {
  return JSON.parse(atob(token.split(".")[1] as string)) as { sub: string; exp: number };
}

function refusal(status: number, code: string): { status: number; body: object } {
  return { status, body: { msg: "No.", code, retryable: status >= 500 } };
}
