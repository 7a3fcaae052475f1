// What the fake server keeps: rows by id, as the contract tells clients to expect them.

export interface Row {
  readonly id: bigint;
  readonly userId: string;
  readonly event: number;
  readonly payload: string;
  readonly clientId: string;
  readonly time: number;
}

const OVERLAP_MS = 180_000n;

export class Store {
  readonly rows: Row[] = [];
  readonly members = ["11", "22"] as const;
  /** By reader: the newest message of the other one that was seen. */
  seen = new Map<string, bigint>();
  #written = new Map<string, bigint>();
  isClosed = false;

  see(reader: string, id: bigint): void {
    if (id > (this.seen.get(reader) ?? 0n)) this.seen.set(reader, id);
  }

  writeMarks(): void {
    this.#written = new Map(this.seen);
  }

  forgetUnwrittenMarks(): void {
    this.seen = new Map(this.#written);
  }

  insert(userId: string, event: number, payload: string, clientId: string, time: number): Row {
    const floor = (this.rows.at(-1)?.id ?? 0n) + 1n;
    const own = BigInt(time) << 21n;
    const row = { id: own > floor ? own : floor, userId, event, payload, clientId, time };
    this.rows.push(row);
    return row;
  }

  find(userId: string, clientId: string): Row | undefined {
    return this.rows.findLast((row) => row.userId === userId && row.clientId === clientId);
  }

  after(id: bigint): Row[] {
    const start = id === 0n ? 0n : ((id >> 21n) - OVERLAP_MS) << 21n;
    return this.rows.filter((row) => row.id > start);
  }

  /** Newest first, merged as history is. */
  page(before: string, limit: number): { next_ps: string; messages: object[] } {
    const smallest = new Map<string, Row>();
    for (const row of this.rows.toReversed()) smallest.set(`${row.userId} ${row.clientId}`, row);
    const rows = [...smallest.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
    const rest = before === "" ? rows : rows.filter(({ id }) => id < BigInt(before));
    const page = rest.slice(0, limit);
    return { next_ps: rest.length > limit ? String(page.at(-1)?.id) : "", messages: page.map((row) => this.frame(row)) };
  }

  frame(row: Row): object {
    const reader = this.members.find((member) => member !== row.userId) as string;
    return {
      message_id: String(row.id), event: row.event, user_id: row.userId, payload: row.payload,
      seen: row.id <= (this.seen.get(reader) ?? 0n), time: row.time, client_id: row.clientId,
    };
  }
}
