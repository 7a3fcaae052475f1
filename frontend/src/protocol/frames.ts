// Frames of the chat socket: what the generated types leave to the reader.

import type { components } from "./generated/frames.ts";

type Schemas = components["schemas"];
export type ServerFrame = Schemas["Frame"];
export type SyncPayload = Schemas["SyncPayload"];
export type ErrorPayload = Schemas["ErrorPayload"];
export type MatchFrame = Pick<Schemas["MatchedFrame"], "access_token" | "channel_id"> &
  Partial<Schemas["MatchedFrame"] & Schemas["WaitingFrame"]>;

export const SUBPROTOCOL = "randomchat.v1";
export const TEXT = 0;
export const ACTION = 1;
export const SEEN = 2;
export const FILE = 3;
export const SYNC = 4;
export const ERROR = 5;
export const BEAT = 6;

/** Stands for "before every message". */
export const NO_ID = "0";

/** Ids are decimal numbers that JavaScript's can't hold. */
export function isOlder(one: string, other: string): boolean {
  return one.length === other.length ? one < other : one.length < other.length;
}

export function newest(one: string, other: string): string {
  return isOlder(one, other) ? other : one;
}
