import type { Platform } from "./platform.ts";

export function browserPlatform(): Platform {
  throw new Error("soon");
}
