export type FileKind = "image" | "audio" | "video" | "archive" | "file";

const KINDS: readonly (readonly [FileKind, RegExp])[] = [
  ["image", /^(png|jpe?g|gif|webp|avif|bmp)$/],
  ["audio", /^(mp3|m4a|aac|ogg|oga|opus|wav|flac|weba)$/],
  ["video", /^(mp4|m4v|webm|ogv|mov)$/],
  ["archive", /^(zip|gz|tgz|bz2|xz|7z|rar|tar|zst)$/],
];

/** How to show a file. The stored key's ending counts, which the server has checked, not the name that a stranger gave. */
export function fileKind(objectKey: string): FileKind {
  const ending = /\.([a-z0-9]+)$/i.exec(objectKey)?.[1]?.toLowerCase() ?? "";
  return KINDS.find(([, endings]) => endings.test(ending))?.[0] ?? "file";
}
