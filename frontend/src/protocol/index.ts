export * from "./api.ts";
export { bytesOf } from "./text.ts";
export { openClient } from "./client.ts";
export { browserPlatform } from "./platform_browser.ts";
