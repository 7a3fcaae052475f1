"""A watch over a page that has to show what an intruder sends."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Frame, Request

from tests.e2e.browser import Person

LOOK = """() => {
  const skeleton = (element) => {
    const names = [...element.attributes].map((attribute) => attribute.name).sort();
    const children = element.matches(".text, [role=log]") ? [] : [...element.children].map(skeleton);
    return `${element.localName}[${names}](${children})`;
  };
  const made = (element) => ({
    tag: element.localName,
    attributes: element.getAttributeNames(),
    href: element.href, rel: element.rel, target: element.target,
  });
  const article = (element) => ({
    text: element.querySelector(".text, bdi")?.textContent ?? "",
    sender: element.querySelector(".unseen").textContent,
    labels: [...element.querySelectorAll("[aria-label]")].map((labelled) => labelled.getAttribute("aria-label")),
    made: [...element.querySelectorAll(".text *")].map(made),
    skeleton: skeleton(element),
  });
  return {
    articles: [...document.querySelectorAll("article")].map(article),
    rows: [...document.querySelectorAll("[role=log] *")].filter((inner) => !inner.closest("article")).map((row) => row.localName),
    around: skeleton(document.documentElement),
    handlers: [...document.querySelectorAll("*")].flatMap((all) => all.getAttributeNames()).filter((name) => /^on/i.test(name)),
    polluted: ["polluted", ...Object.keys(Object.prototype)].filter((name) => name in {}),
  };
}"""
"""What a page is made of: its elements and the names of their attributes, with the texts of messages taken out."""


class Watch:
    """Notes whatever a page does that it has no reason to do."""

    def __init__(self, person: Person) -> None:
        self._person, self.incidents = person, list[str]()
        page, context = person.page, person.context
        page.on("dialog", self._dialog)
        page.on("frameattached", lambda frame: self.incidents.append(f"frame {frame.url}"))
        page.on("domcontentloaded", lambda loaded: self.incidents.append(f"document {loaded.url}"))
        page.on("framenavigated", self._navigated)
        context.on("page", lambda opened: self.incidents.append(f"page {opened.url}"))
        context.on("request", self._request)

    def look(self) -> dict[str, Any]:
        """The page as it is. Nothing has happened to it, and no element has a handler in its markup."""
        look: dict[str, Any] = self._person.page.evaluate(LOOK)
        found = [*self.incidents, *look["handlers"], *look["polluted"]]
        assert not found, found
        self._person.has_no_complaint()
        return look

    def _dialog(self, dialog: Dialog) -> None:
        self.incidents.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _navigated(self, frame: Frame) -> None:
        if frame.url not in {f"{self._person.address}/", f"{self._person.address}/chat"}:
            self.incidents.append(f"navigation {frame.url}")

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        is_ours = request.url.startswith(f"{self._person.address}/") and url.path.startswith(("/api/", "/assets/"))
        if not is_ours and url.scheme != "data" and url.path not in {"/", "/chat", "/icon.svg"}:
            self.incidents.append(f"request {request.url}")
