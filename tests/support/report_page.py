"""Reads a report as a browser would: which sections there are, what stands in them, what they would ask the net for."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html.parser import HTMLParser
from xml.etree import ElementTree

import cv2
import numpy as np

_VOID = {"meta", "br", "img", "input", "link", "hr"}
_ADDRESSES = {"src", "href", "action", "data", "poster", "srcset", "background", "xlink:href", "formaction"}


@dataclass
class Figure:
    """One mistake: its words, its drawing, and the image below it."""

    caption: str = ""
    svg: str = ""

    @property
    def root(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.svg)

    def boxes(self, role: str) -> list[tuple[float, float, float, float]]:
        """x, y, width, height of the outlines with the class ``role``."""
        found = [rect for rect in self.root.iter("rect") if rect.get("class") == role]
        return [tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height")) for rect in found]  # type: ignore[misc] # four of them

    def tags(self) -> list[str]:
        return [text.text or "" for text in self.root.iter("text")]

    def colour_at(self, x: float, y: float) -> tuple[int, int, int]:
        """BGR of the image below a place of the drawing."""
        image = next(self.root.iter("image"))
        content = base64.b64decode(image.attrib["href"].removeprefix("data:image/jpeg;base64,"))
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        left, top, width, height = (float(image.attrib[key]) for key in ("x", "y", "width", "height"))
        row = int((y - top) / height * pixels.shape[0])
        column = int((x - left) / width * pixels.shape[1])
        blue, green, red = pixels[row, column].tolist()
        return blue, green, red


@dataclass
class Page:
    """The parts of a report."""

    sections: dict[str, list[Figure]] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    policy: str = ""
    script: str = ""
    style: str = ""
    text: str = ""
    rows: list[list[str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: list[str] = []
        self._heading = ""
        self._figure: Figure | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        page, names = self.page, dict(attrs)
        page.tags.append(tag)
        page.addresses += [value or "" for name, value in attrs if name in _ADDRESSES]
        page.handlers += [name for name, _ in attrs if name.startswith("on")]
        if names.get("http-equiv") == "Content-Security-Policy":
            page.policy = names["content"] or ""
        if tag == "h3":
            self._heading = ""
        elif tag == "figure":
            self._figure = Figure()
            page.sections.setdefault(self._heading, []).append(self._figure)
        elif tag == "tr":
            page.rows.append([])
        elif tag in ("td", "th"):
            page.rows[-1].append("")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append(tag)
        self.page.addresses += [value or "" for name, value in attrs if name in _ADDRESSES]

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> closes something else"
        if tag == "figure":
            self._figure = None

    def handle_data(self, data: str) -> None:
        page, inside = self.page, self._open
        if "script" in inside:
            page.script += data
        elif "style" in inside:
            page.style += data
        else:
            page.text += data
            if "h3" in inside:
                self._heading += data
            if "figcaption" in inside and self._figure is not None:
                self._figure.caption += data
            if ("td" in inside or "th" in inside) and page.rows[-1]:
                page.rows[-1][-1] += data

    def finish(self) -> Page:
        assert not self._open, f"never closed: {self._open}"
        return self.page


def read_page(html: str) -> Page:
    """Parse; fails on tags that do not match."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    page = reader.finish()
    pieces = html.split("<figure>")[1:]
    figures = [figure for section in page.sections.values() for figure in section]
    for figure, piece in zip(figures, pieces, strict=True):
        figure.svg = piece[: piece.index("</svg>") + len("</svg>")]
    return page
