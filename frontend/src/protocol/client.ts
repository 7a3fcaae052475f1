import type { Client } from "./api.ts";
import type { Platform } from "./platform.ts";

export async function openClient(_platform: Platform): Promise<Client> {
  throw new Error("soon");
}
