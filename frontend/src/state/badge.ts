/** The picture of the tab: the two bubbles, and a dot with the number of unseen messages. */
const SIZE = 64;
const BUBBLES = [
  { path: "M6 13a7 7 0 0 1 7-7h24a7 7 0 0 1 7 7v14a7 7 0 0 1-7 7H18l-9 7a2 2 0 0 1-3-1.5Z", fill: "#0f766e" },
  { path: "M58 29a7 7 0 0 0-7-7H33a7 7 0 0 0-7 7v12a7 7 0 0 0 7 7h13l9 7a2 2 0 0 0 3-1.5Z", fill: "#f0725c" },
] as const;

/** A data URL for `count` unseen messages; "" where this browser can't draw. */
export function badgedIcon(count: number): string {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const pen = canvas.getContext("2d");
  if (!pen) return "";
  for (const { path, fill } of BUBBLES) {
    pen.fillStyle = fill;
    pen.fill(new Path2D(path));
  }
  pen.fillStyle = "#d92d20";
  pen.beginPath();
  pen.arc(44, 20, 20, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.font = "bold 28px sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(count > 9 ? "9+" : String(count), 44, 22);
  return canvas.toDataURL("image/png");
}

/** Title and icon of the tab say how many messages wait. */
export function showUnseen(title: string, count: number): void {
  document.title = count > 0 ? `(${count}) ${title}` : title;
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  const badged = count > 0 ? badgedIcon(count) : "";
  link.type = badged ? "image/png" : "image/svg+xml";
  link.href = badged || "/icon.svg";
}
