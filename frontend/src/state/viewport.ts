/** Keeps `--app-height` at the height that a virtual keyboard leaves; for browsers that lay it over the page. */
export function followViewport(): () => void {
  const viewport = window.visualViewport;
  if (!viewport) return () => undefined;
  const update = (): void => {
    if (viewport.scale > 1.01) return; // zoomed in by fingers: the layout stays
    document.documentElement.style.setProperty("--app-height", `${viewport.height}px`);
    if (viewport.offsetTop > 0) window.scrollTo(0, 0);
  };
  update();
  viewport.addEventListener("resize", update);
  return () => viewport.removeEventListener("resize", update);
}
