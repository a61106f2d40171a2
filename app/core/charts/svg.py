"""Paints a drawing as SVG: inside a page, or as a file of its own. Pure.

Colours are written for light paper, and a style sheet replaces them if the reader prefers dark. Programs without style
sheets show the light colours, and so does print.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from app.core.charts.colours import DARK, LIGHT, hex_colour
from app.core.charts.drawing import Area, Box, Dot, Drawing, Item, Point, Stroke, Text

FONTS = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif"


def svg_style() -> str:
    """Returns the CSS that a page with charts needs once: their colours in dark mode."""
    rules = "".join(
        f".chart .f-{role}{{fill:{hex_colour(colour)}}}.chart .l-{role}{{stroke:{hex_colour(colour)}}}"
        for role, colour in DARK.items()
    )
    return f"@media screen and (prefers-color-scheme:dark){{{rules}}}"


def svg_element(drawing: Drawing) -> str:
    """Returns an ``<svg>`` element for a page that has ``svg_style()``; it shrinks on a narrower page."""
    return _element(drawing, "", ())


def svg_file(drawing: Drawing) -> str:
    """Returns a whole SVG file, with background and style."""
    paper = Box(0.0, 0.0, drawing.width, drawing.height, "paper")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _element(drawing, f"<style>{svg_style()}</style>", (paper,))


def _element(drawing: Drawing, style: str, before: Iterable[Item]) -> str:
    width, height = _number(drawing.width), _number(drawing.height)
    body = "".join(_item(item) for item in (*before, *drawing.items))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-label="{escaped(drawing.summary)}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="{escape(FONTS)}">'
        f"{style}{body}</svg>"
    )


def _item(item: Item) -> str:
    match item:
        case Text():
            return _text(item)
        case Stroke():
            return _stroke(item)
        case Area():
            opacity = f' opacity="{_number(item.opacity)}"' if item.opacity < 1.0 else ""
            return f'<polygon points="{_points(item.points)}" {_fill(item.role)}{opacity}/>'
        case Box():
            place = f'x="{_number(item.x)}" y="{_number(item.y)}"'
            size = f'width="{_number(item.width)}" height="{_number(item.height)}"'
            return _named("rect", f"{place} {size} {_fill(item.role)}", item.name)
        case Dot():
            place = f'cx="{_number(item.x)}" cy="{_number(item.y)}" r="{_number(item.radius)}"'
            rim = f'stroke="{hex_colour(LIGHT["paper"])}" stroke-width="1.2"'
            return _named(
                "circle", f'{place} class="f-{item.role} l-paper" fill="{_light(item.role)}" {rim}', item.name
            )


def _text(item: Text) -> str:
    anchor = f' text-anchor="{item.anchor}"' if item.anchor != "start" else ""
    bold = ' font-weight="600"' if item.bold else ""
    whole = f"<title>{escaped(item.full)}</title>" if item.full else ""
    place = f'x="{_number(item.x)}" y="{_number(item.y)}" font-size="{_number(item.size)}"'
    return f"<text {place}{anchor}{bold} {_fill(item.role)}>{escaped(item.text)}{whole}</text>"


def _stroke(item: Stroke) -> str:
    dash = f' stroke-dasharray="{_number(item.dash[0])} {_number(item.dash[1])}"' if item.dash else ""
    look = f'fill="none" class="l-{item.role}" stroke="{_light(item.role)}" stroke-width="{_number(item.width)}"'
    if len(item.points) == 2:
        (x1, y1), (x2, y2) = item.points
        crisp = ' shape-rendering="crispEdges"' if (x1 == x2 or y1 == y2) and item.width == 1.0 else ""
        ends = f'x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}"'
        return _named("line", f"{ends} {look}{dash}{crisp}", item.name)
    joined = ' stroke-linejoin="round" stroke-linecap="round"'
    return _named("polyline", f'points="{_points(item.points)}" {look}{dash}{joined}', item.name)


def _named(tag: str, attributes: str, name: str) -> str:
    if not name:
        return f"<{tag} {attributes}/>"
    return f"<{tag} {attributes}><title>{escaped(name)}</title></{tag}>"


def _fill(role: str) -> str:
    return f'class="f-{role}" fill="{_light(role)}"'


def _light(role: str) -> str:
    return hex_colour(LIGHT[role])


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    """Formats a number to hundredths of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def escaped(text: str) -> str:
    """Escapes text, and drops what XML forbids even if escaped (control characters, lone surrogates)."""
    return escape("".join(c if c.isprintable() or c == " " else " " for c in text))
