import type { Account } from "./account.ts";
import { TEXT_MAX_BYTES, type Conversation, type ConversationState, type Ended, type Problem } from "./api.ts";
import { CatchingUp } from "./catching_up.ts";
import * as frames from "./frames.ts";
import type { ErrorPayload, ServerFrame, SyncPayload } from "./frames.ts";
import { History } from "./history.ts";
import type { Http } from "./http.ts";
import { Line, type LineOwner } from "./line.ts";
import { Links } from "./links.ts";
import type { Talk } from "./memory.ts";
import { Value } from "./observable.ts";
import { Outbox, type Letter } from "./outbox.ts";
import { PeerWatch } from "./peer.ts";
import type { Platform } from "./platform.ts";
import { Refusal } from "./refusal.ts";
import { SeenMarks } from "./seen_marks.ts";
import { Sending } from "./sending.ts";
import { bytesOf, wellFormed } from "./text.ts";
import { Throttle } from "./throttle.ts";
import { claimsOf, Renewal, type HeldToken } from "./token.ts";
import { clientIdOf, filePayload, Transcript } from "./transcript.ts";
import { OwnTyping, PeerTyping } from "./typing.ts";
import { LiveUploads } from "./uploads.ts";

const STATES_EVERY_MS = 30;
const ENDED_BY_CODE: Readonly<Record<number, Ended>> = {
  4503: "closed", 4504: "banned", 4508: "misbehaving", 4509: "elsewhere",
};

/** What a conversation leaves behind for the page's next life. */
export interface Keeper {
  readonly letters: readonly Letter[];
  saveLetters(letters: readonly Letter[]): void;
  renewed(token: HeldToken): void;
  ended(): void;
}

/** One conversation in one tab: puts the parts together, and hands each frame to the one that knows it. */
export class LiveConversation implements Conversation, LineOwner {
  readonly state: Value<ConversationState>;
  readonly uploads: LiveUploads;
  readonly beat = { event: frames.BEAT, payload: "" };
  readonly #platform: Platform;
  readonly #http: Http;
  readonly #account: Account;
  readonly #talk: Talk;
  readonly #me: string;
  readonly #keeper: Keeper;
  readonly #line: Line;
  readonly #token: Renewal;
  readonly #transcript: Transcript;
  readonly #history: History;
  readonly #catchingUp: CatchingUp;
  readonly #outbox: Outbox;
  readonly #sending: Sending;
  readonly #seen: SeenMarks;
  readonly #peer: PeerWatch;
  readonly #ownTyping: OwnTyping;
  readonly #peerTyping: PeerTyping;
  readonly #links: Links;
  readonly #states: Throttle;
  /** A new socket has replayed, and the server is about to say who has seen what, and who is there. */
  #awaitsGreeting = false;
  #isLoadingOlder = false;
  #ended: Ended | null = null;

  constructor(platform: Platform, http: Http, account: Account, talk: Talk, keeper: Keeper) {
    this.#platform = platform;
    this.#http = http;
    this.#account = account;
    this.#talk = talk;
    this.#keeper = keeper;
    this.#me = claimsOf(talk.token.text).sub;
    const token = (): string => this.#token.text;
    const changed = (): void => this.changed();
    this.#line = new Line(platform, this);
    this.#token = new Renewal(platform, http, talk.token, (renewed) => this.#renewed(renewed));
    this.#transcript = new Transcript(this.#me);
    this.#history = new History(http, token, (frame) => this.#put(frame));
    this.#catchingUp = new CatchingUp(platform, this.#history, () => this.#states.now());
    this.#outbox = new Outbox(keeper.letters, (letters) => keeper.saveLetters(letters));
    this.#sending = new Sending(platform, this.#outbox, this.#line);
    this.#seen = new SeenMarks((id) => this.#line.send({ event: frames.SEEN, payload: id }));
    this.#peer = new PeerWatch(platform, http, account, this.#me, token, changed);
    this.#ownTyping = new OwnTyping(platform, (payload) => this.#line.send({ event: frames.ACTION, payload }));
    this.#peerTyping = new PeerTyping(platform, changed);
    this.#links = new Links(platform, http, token);
    this.uploads = new LiveUploads(platform, http, token, (name, key) => this.#post(filePayload(name, key)));
    this.#states = new Throttle(platform, STATES_EVERY_MS, () => this.state.set(this.#snapshot()));
    this.state = new Value(this.#snapshot());
  }

  /** `isResumed`: the page was reloaded, so there is something to read. */
  async start(isResumed: boolean): Promise<void> {
    this.#token.start();
    void this.#peer.introduce();
    // Where this fails, the replay brings everything.
    if (isResumed) await this.#catchingUp.readNewest().catch(() => {});
    this.#states.now();
    if (this.#ended === null) this.#line.start();
  }

  /** The page turns to something else. */
  stop(): void {
    this.#line.stop();
    this.#catchingUp.lost();
    this.#sending.end();
    this.#ownTyping.forget();
    this.#peerTyping.ended();
    this.#token.stop();
    this.#peer.stop();
    this.uploads.cancelAll();
  }

  /** Ends it for both. */
  async leave(): Promise<void> {
    if (this.#ended !== null) return;
    try {
      await this.#http.call("/api/chat/channel", { method: "DELETE", token: this.#token.text });
    } catch (thrown) {
      if (!(thrown instanceof Refusal && thrown.status === 401)) throw thrown;
    }
    this.#end("left");
  }

  // -------------------------------------------------------------------------------------------- what the person does

  send(text: string): void {
    if (this.#ended !== null || text.trim() === "" || bytesOf(text) > TEXT_MAX_BYTES) return;
    this.#ownTyping.rest();
    this.#post({ event: frames.TEXT, payload: wellFormed(text) });
  }

  retry(key: string): void {
    if (this.#ended !== null) return;
    this.#outbox.retry(clientIdOf(key));
    this.#sending.pump();
    this.#states.now();
  }

  discard(key: string): void {
    this.#outbox.discard(clientIdOf(key));
    this.#states.now();
  }

  typed(isEmpty: boolean): void {
    if (isEmpty) this.#ownTyping.rest();
    else if (this.#catchingUp.isComplete) this.#ownTyping.typed();
  }

  markSeen(messageId: string): void {
    if (!frames.isOlder(this.#transcript.readUpTo, messageId)) return;
    this.#transcript.see(false, messageId);
    this.#seen.see(messageId);
    this.#states.now();
  }

  async loadOlder(): Promise<void> {
    if (this.#isLoadingOlder || !this.#history.hasOlder || this.#ended !== null) return;
    this.#isLoadingOlder = true;
    this.#states.now();
    await this.#history.readOlder().catch(() => {});
    this.#isLoadingOlder = false;
    this.#states.now();
  }

  reconnect(): void {
    if (this.#ended === "elsewhere") this.#ended = null;
    if (this.#ended === null) this.#line.start();
    this.changed();
  }

  fileUrl(objectKey: string, fresh = false): Promise<string> {
    return this.#links.url(objectKey, this.#transcript.nameOf(objectKey), fresh);
  }

  fileUrlToSave(objectKey: string): Promise<string> {
    return this.#links.urlToSave(objectKey, this.#transcript.nameOf(objectKey));
  }

  // -------------------------------------------------------------------------------------------- what the line says

  address(): { path: string; protocols: string[] } {
    return { path: `/api/chat?after=${this.#catchingUp.after}`, protocols: [frames.SUBPROTOCOL, this.#token.text] };
  }

  opened(): void {
    this.#catchingUp.opened();
  }

  received(text: string): void {
    const frame = JSON.parse(text) as ServerFrame;
    const isMine = frame.user_id === this.#me;
    switch (frame.event) {
      case frames.TEXT:
      case frames.FILE:
        this.#stored(frame, isMine);
        break;
      case frames.ACTION:
        this.#acted(isMine, frame.payload);
        break;
      case frames.SEEN:
        this.#transcript.see(isMine, frame.payload);
        if (!isMine) this.#seen.confirmed(frame.payload);
        break;
      case frames.SYNC:
        this.#awaitsGreeting = true;
        this.#sending.begin();
        this.#catchingUp.synced(JSON.parse(frame.payload) as SyncPayload);
        break;
      case frames.ERROR:
        if (frame.client_id) this.#sending.refused(frame.client_id, JSON.parse(frame.payload) as ErrorPayload);
        break;
      default:
        return;
    }
    if (this.#catchingUp.isComplete) this.changed();
  }

  lost(): void {
    this.#catchingUp.lost();
    this.#awaitsGreeting = false;
    this.#sending.end();
    this.#seen.end();
    this.#ownTyping.forget();
    this.#peerTyping.ended();
    this.changed();
  }

  refused(code: number): void {
    this.lost();
    const ended = ENDED_BY_CODE[code];
    if (code === 4501) void this.#explainSignOut();
    else if (ended === "closed" && this.#peer.hasLeft) this.#end("peer_left");
    else this.#end(ended ?? "refused");
  }

  changed(): void {
    this.#states.call();
  }

  // -------------------------------------------------------------------------------------------- frames

  #stored(frame: ServerFrame, isMine: boolean): void {
    this.#put(frame);
    this.#catchingUp.received(frame.message_id);
    if (!isMine) this.#peerTyping.ended();
    if (frame.ack && frame.client_id) this.#sending.acknowledged(frame.client_id);
  }

  #put(frame: ServerFrame): void {
    this.#transcript.put(frame);
    if (frame.user_id !== this.#me) this.#peer.spoke();
  }

  #acted(isMine: boolean, what: string): void {
    this.#peer.acted(isMine, what);
    if (!isMine && what === "istyping") this.#peerTyping.started();
    else if (!isMine) this.#peerTyping.ended();
    if (what === "leaved") this.#end(isMine ? "left" : "peer_left");
    // Presence comes after the seen marks: now it is known whether the server's lag behind.
    if (this.#awaitsGreeting) this.#seen.begin();
    this.#awaitsGreeting = false;
  }

  // -------------------------------------------------------------------------------------------- sending and ending

  #post({ event, payload }: { event: number; payload: string }): void {
    if (this.#ended !== null) return;
    const clientId = this.#platform.newId();
    this.#outbox.add({ clientId, event, payload, time: this.#platform.now(), problem: null });
    this.#sending.pump();
    this.#states.now();
  }

  #renewed(token: HeldToken): void {
    this.#keeper.renewed(token);
    // A socket ends with the token that opened it.
    this.#line.restart();
  }

  /** A page can't be told more than that its token is worth nothing. */
  async #explainSignOut(): Promise<void> {
    if (this.#token.hasExpired) {
      this.#end("expired");
      return;
    }
    const me = await this.#account.findMe().catch(() => undefined);
    this.#end(me === null ? "signed_out" : "closed");
  }

  #end(ended: Ended): void {
    if (this.#ended !== null) return;
    this.#ended = ended;
    const isFinal = ended !== "elsewhere";
    if (isFinal) {
      const problem: Problem = { code: "ended", message: "The conversation has ended.", retryable: false };
      this.stop();
      this.#outbox.failAll(problem);
      this.#keeper.ended();
    }
    this.#states.now();
  }

  #snapshot(): ConversationState {
    const { channelId, commonInterests } = this.#talk;
    return {
      channelId,
      me: this.#me,
      commonInterests,
      connection: this.#line.connection,
      retryAt: this.#line.retryAt,
      held: this.#sending.held,
      upToDate: this.#catchingUp.isComplete,
      peer: { ...this.#peer.peer, typing: this.#peerTyping.isTyping },
      messages: this.#transcript.list(this.#outbox.letters),
      ...this.#transcript.unseen(),
      hasOlder: this.#history.hasOlder,
      loadingOlder: this.#isLoadingOlder,
      ended: this.#ended,
    };
  }
}
