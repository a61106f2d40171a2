"""Pieces of a page of HTML, as reports and charts are: its style, its one small script, and text made safe. Pure.

The page is a file on somebody's disk, to be opened, mailed and printed: it holds everything it shows, asks nothing of
any network (its content policy forbids it), and works without its script, which only sorts tables.
"""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Iterable
from hashlib import sha256

from app.core.charts import svg_style
from app.core.charts.svg import FONTS, escaped

_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--sheet:#f6f8fa;--ink:#1b1f24;--muted:#59636e;--line:#dde1e6;--bar:#0e5aaa;
--good:#0b7a53;--bad:#c03a00;--truth:#56b4e9;--found:#ff9d1e}
@media screen and (prefers-color-scheme:dark){:root{--paper:#14171c;--sheet:#1b1f26;--ink:#e6e9ee;--muted:#9ea8b5;
--line:#2f3640;--bar:#5cacfa;--good:#35cf96;--bad:#ff8a5c}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2.2rem 1.6rem 4rem;max-width:72rem;background:var(--paper);color:var(--ink);
font:15px/1.5 FONTS;-webkit-text-size-adjust:100%}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .3rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.8rem 0 .8rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.8rem 0 .2rem}
p{margin:.3rem 0 .8rem;max-width:46rem}
.sub,.quiet,figcaption,footer{color:var(--muted)}
.cards{display:flex;flex-wrap:wrap;gap:.7rem;margin:1.4rem 0}
.card{background:var(--sheet);border:1px solid var(--line);border-radius:8px;padding:.65rem 1rem .6rem;min-width:8.2rem}
.card b{display:block;font-size:1.5rem;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums}
.card span{color:var(--muted);font-size:.82rem}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1.4rem;margin:.6rem 0}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
.notes{background:var(--sheet);border:1px solid var(--line);border-left:3px solid var(--found);border-radius:6px;
padding:.6rem 1rem;margin:1.2rem 0}.notes ul{margin:.2rem 0;padding-left:1.1rem}.notes li{overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{text-align:right;padding:.32rem .55rem;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600;font-size:.82rem;color:var(--muted);vertical-align:bottom}
th:first-child,td:first-child{padding-left:0}th:first-child,td:first-child,td.text,th.text{text-align:left}
td:first-child{white-space:normal;overflow-wrap:anywhere;min-width:7rem}
tbody tr:hover{background:var(--sheet)}
th button{all:unset;cursor:pointer}th button:hover,th button:focus-visible{color:var(--ink);text-decoration:underline}
th[aria-sort=ascending] button::after{content:" ↑"}th[aria-sort=descending] button::after{content:" ↓"}
.bar{display:inline-block;vertical-align:middle;width:5.5rem;height:.62rem;margin-right:.6rem;border-radius:2px;
background:var(--line)}.bar i{display:block;height:100%;border-radius:2px;background:var(--bar)}
.facts{width:auto}.facts td,.facts th{padding-right:1.6rem}
.charts{display:flex;flex-wrap:wrap;gap:1.2rem 2rem;align-items:flex-start}
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:1rem 1.2rem;margin-top:1rem}
svg.chart{max-width:100%;height:auto;display:block}
.crops{display:grid;grid-template-columns:repeat(auto-fill,minmax(19rem,1fr));gap:1.2rem;margin-top:.9rem}
figure{margin:0}figcaption{font-size:.84rem;margin-top:.3rem;overflow-wrap:anywhere}figcaption b{color:var(--ink)}
.crop{display:block;width:100%;height:auto;border-radius:4px;background:#24282f;font:600 12px FONTS}
.crop rect{fill:none;stroke-width:2.2}.crop .halo{stroke:#000;stroke-opacity:.5;stroke-width:4.4}
.crop rect.truth{stroke:var(--truth)}.crop rect.found{stroke:var(--found);stroke-dasharray:7 4}
.crop rect.other{stroke:var(--truth);stroke-width:1;stroke-opacity:.85}
.crop rect.other,.crop .halo.of-other{stroke-dasharray:2 3}.crop .halo.of-other{stroke-width:2}
.crop .tag rect{stroke:none}.crop .tag.truth rect{fill:var(--truth)}.crop .tag.found rect{fill:var(--found)}
.crop .tag text{fill:#000}
.key{display:inline-block;width:1.7rem;height:.8rem;vertical-align:-.08rem;margin:0 .35rem 0 .1rem;border-radius:2px}
.key.truth{border:2.5px solid var(--truth)}.key.found{border:2.5px dashed var(--found)}
.key.other{border:1.5px dotted var(--truth)}
footer{margin-top:3rem;padding-top:.8rem;border-top:1px solid var(--line);font-size:.84rem}
@media print{body{max-width:none;padding:0;font-size:10.5pt}h2{break-after:avoid}h3,.quiet{break-after:avoid}
.wide{overflow:visible}.sorted{font-size:8pt}.sorted th,.sorted td{padding:.16rem .28rem}.sorted th{white-space:normal}
.sorted .bar{width:2.6rem;margin-right:.3rem}
figure,tr,.card,svg.chart{break-inside:avoid}.crops{grid-template-columns:repeat(3,1fr)}
.bar,.bar i,.crop,.card,.key{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.small{grid-template-columns:repeat(3,1fr)}a{color:inherit}}
@page{margin:14mm}
""".replace("FONTS", FONTS)

_SCRIPT = """
for (const table of document.querySelectorAll("table.sorted")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending";
      const first = column === 0 ? !head.hasAttribute("aria-sort") || down : down;
      const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (column === 0) return x.localeCompare(y);
        return (x === "" ? -Infinity : +x) - (y === "" ? -Infinity : +y);
      });
      table.tBodies[0].append(...(first ? rows : rows.reverse()));
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", first ? "ascending" : "descending");
    });
  });
}
"""


def page(title: str, body: Iterable[str]) -> str:
    """Returns a whole HTML file from the pieces of its body."""
    digest = base64.b64encode(sha256(_SCRIPT.encode()).digest()).decode("ascii")
    content = "\n".join(body)
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escaped(title)}</title><style>{_STYLE}{svg_style()}</style></head>\n"
        f"<body>\n{content}\n<script>{_SCRIPT}</script>\n</body></html>\n"
    )


def cards(values: Iterable[tuple[str, str]]) -> str:
    """Returns large numbers with captions below."""
    inner = "".join(
        f'<div class="card"><b>{escaped(value)}</b><span>{escaped(name)}</span></div>' for value, name in values
    )
    return f'<div class="cards">{inner}</div>'


def facts(values: Iterable[tuple[str, str]]) -> str:
    """Returns a list of names and values, without those that have no value."""
    inner = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in values if value)
    return f"<dl>{inner}</dl>"


def notes(lines: Iterable[str]) -> str:
    """Returns notes in a box; "" without any."""
    inner = "".join(f"<li>{escaped(line)}</li>" for line in lines)
    return f'<div class="notes"><ul>{inner}</ul></div>' if inner else ""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], kind: str, texts: int = 1) -> str:
    """Returns a table of finished cells (``cell``, ``number``).

    Args:
        heads: Column headers; none for a table without.
        rows: The cells of each row.
        kind: "sorted" for one that readers can sort, or "facts".
        texts: Number of text columns, from the left.
    """
    starts = ('<th class="text">' if column < texts else "<th>" for column in itertools.count())
    top = "".join(f"{next(starts)}{escaped(head)}</th>" for head in heads)
    top = f"<thead><tr>{top}</tr></thead>" if top else ""
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table class="{kind}">{top}<tbody>{body}</tbody></table></div>'


def cell(text: str, role: str = "") -> str:
    """Returns a text cell."""
    return f'<td class="{role}">{escaped(text)}</td>' if role else f"<td>{escaped(text)}</td>"


def number(value: float, form: str = ",.0f", with_bar: bool = False) -> str:
    """Returns a cell with a number, or a dash for none; sorted by value. ``with_bar`` is for shares of one."""
    if not math.isfinite(value):
        return '<td data-value="">-</td>'
    share = min(max(value, 0.0), 1.0) * 100
    bar = f'<span class="bar"><i style="width:{share:.1f}%"></i></span>' if with_bar else ""
    return f'<td data-value="{value:.6g}">{bar}{format(value, form)}</td>'
