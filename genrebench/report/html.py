"""A document as one HTML page that needs nothing else, in light and dark, on wide screens and on phones."""

import base64
import re
from collections.abc import Iterable
from html import escape

from genrebench.report.document import (
    ADDRESS,
    Block,
    Cell,
    Code,
    Document,
    Figure,
    Heading,
    Items,
    Source,
    Style,
    Table,
    Text,
)
from genrebench.system.files import escaped

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #59636e; --line: #d0d7de; --back: #ffffff; --head: #f6f8fa;
  --good: #1a7f37; --bad: #cf222e; --warn: #9a6700; --blue: #1f77b4; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #9198a1; --line: #3d444d; --back: #0d1117;
  --head: #151b23; --good: #3fb950; --bad: #ff7b72; --warn: #d29922; --blue: #6cb6ff; } }
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 72rem; color: var(--text); background: var(--back);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { margin-top: 2.2rem; font-size: 1.2rem; }
a { color: inherit; } .one { white-space: nowrap; }
.scroll { display: inline-block; vertical-align: top; margin: .4rem .8rem .4rem 0; max-width: 100%; overflow-x: auto;
  background: linear-gradient(90deg, var(--back) 40%, transparent) 0 0 / 3rem 100% no-repeat local,
    linear-gradient(-90deg, var(--back) 40%, transparent) 100% 0 / 3rem 100% no-repeat local,
    linear-gradient(90deg, #8888, transparent) 0 0 / .8rem 100% no-repeat scroll,
    linear-gradient(-90deg, #8888, transparent) 100% 0 / .8rem 100% no-repeat scroll; }
table { border-collapse: collapse; font-size: .87rem; } td, th { border: 1px solid var(--line); padding: .25rem .55rem;
  text-align: left; vertical-align: top; white-space: nowrap; } th { background: var(--head); }
td.n { font-family: ui-monospace, monospace; text-align: right; } td.w { overflow-wrap: anywhere; }
td.w, td.l { white-space: normal; min-width: 14rem; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 700; } .warn { color: var(--warn); }
.quiet { color: var(--quiet); } li { margin: .5rem 0; overflow-wrap: anywhere; }
p.good, p.bad, p.warn { border-left: .35rem solid; padding: .4rem 1rem; background: var(--head); font-weight: 400; }
p.good span, p.bad span, p.warn span { color: var(--text); }
details { margin: .6rem 0; } summary { cursor: pointer; } figure { display: inline-block; vertical-align: top;
  margin: .4rem .4rem .4rem 0; padding: .5rem; border: 1px solid var(--line); max-width: 100%; box-sizing: border-box; }
figure svg, figure img { display: block; max-width: 100%; height: auto; fill: var(--text); } img { background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .5rem .75rem; background: var(--head); }
figcaption { padding-top: .4rem; font-size: .87rem; contain: inline-size; }
@media (max-width: 40rem) { body { padding: .5rem .75rem 3rem; } table { font-size: .8rem; }
  .scroll { margin-right: .4rem; } /* more than the padding would widen the page */
  td, th { padding: .25rem .4rem; }
  td.w, td.l { min-width: 20rem; } td:last-child:nth-child(2) { min-width: 0; overflow-wrap: anywhere; }
  th:first-child, td:first-child { position: sticky; left: 0; max-width: 10rem; min-width: 4rem;
  white-space: normal; overflow-wrap: break-word; } td:first-child { background: var(--back); } }
"""
# Longer text is broken into lines, which have some width even if the table has to scroll for it; so are longer words.
_LONG = 24
_LONG_WORD = re.compile(r"\S{33}")
_OPTION = re.compile(r"(?<!\S)--?[a-z][a-z-]{,24}(?![\w-])")
_ONE = r'<span class="one">\g<0></span>'


def page(document: Document) -> str:
    """Render a document."""
    title = escape(escaped(document.title))
    passed = "" if document.passed is None else f' data-passed="{str(document.passed).lower()}"'
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">'
        f"\n<style>{_STYLE}</style></head>\n<body{passed}>\n<h1>{title}</h1>\n"
        f"{_blocks(document.blocks)}\n</body></html>\n"
    )


def _blocks(blocks: Iterable[Block]) -> str:
    """Render blocks."""
    return "\n".join(map(_block, blocks))


def _block(block: Block) -> str:
    """Render a block."""
    if isinstance(block, Heading):
        return f"<h{block.level}>{_text(block.text)}</h{block.level}>"
    if isinstance(block, Text):
        return f"<p{_id(block.id)}{_class(block.style)}><span>{_text(block.text)}</span></p>"
    if isinstance(block, Code):
        lines = map(escaped, block.text.split("\n"))
        return f"<pre>{_OPTION.sub(_ONE, escape(chr(10).join(lines)))}</pre>"
    if isinstance(block, Items):
        return _items(block)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Figure):
        caption = f"<figcaption>{_text(block.caption)}</figcaption>" if block.caption else ""
        return f"<figure{_id(block.id)}>{_image(block)}{caption}</figure>"
    state = f": <span{_class(block.state.style)}>{_text(block.state.text)}</span>" if block.state else ""
    return (
        f"<details{_id(block.id)}{' open' if block.is_open else ''}><summary>{_text(block.title)}{state}</summary>"
        f"{_blocks(block.blocks)}</details>"
    )


def _text(text: str) -> str:
    """Escape text; keep a number with its percent sign, and on a line what browsers break at its hyphens.

    That is an option, and a small number, which also stays with the word before it.
    """
    text = re.sub(r"(?<=\d) (?=%)", "&nbsp;", escape(escaped(text)))
    return re.sub(r"(?:[\w/.-]+ )?[\w.]*\de-\d+", _ONE, _OPTION.sub(_ONE, text))


def _id(identifier: str) -> str:
    """Render an anchor."""
    return f' id="{escape(identifier)}"' if identifier else ""


def _class(style: Style, *more: str) -> str:
    """Render classes."""
    names = " ".join(filter(None, (style, *more)))
    return f' class="{names}"' if names else ""


def _items(block: Items) -> str:
    """Render a list."""
    tag = "ol" if block.numbered else "ul"
    items = (
        f"<li>{_text(item.text)}" + "".join(f'<br><span class="quiet">{_fact(fact)}</span>' for fact in item.facts)
        for item in block.items
    )
    return f"<{tag}{_id(block.id)}>{'</li>'.join([*items, ''])}</{tag}>"


def _fact(fact: str | Source) -> str:
    """Render a fact; addresses in a source become links."""
    if isinstance(fact, str):
        return _text(fact)
    parts = ADDRESS.split(fact.text)
    return "".join(f'<a href="{part}">{part}</a>' if index % 2 else _text(part) for index, part in enumerate(parts))


def _table(table: Table) -> str:
    """Render a table, which scrolls by itself where the page is too narrow."""
    caption = f'<p class="quiet">{_text(table.caption)}</p>' if table.caption else ""
    head = "".join(f"<th>{_text(column.title)}</th>" for column in table.columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.cells)
    head = f"<thead><tr>{head}</tr></thead>" if any(column.title for column in table.columns) else ""
    return f'{caption}<div class="scroll"><table{_id(table.id)}>{head}<tbody>{body}</tbody></table></div>'


def _cell(cell: Cell) -> str:
    """Render a cell."""
    content = _text(cell.text)
    if cell.target:
        content = f'<a href="#{escape(cell.target)}">{content}</a>'
    shape = "n" if cell.numeric else "w" if _LONG_WORD.search(cell.text) else "l" if len(cell.text) > _LONG else ""
    return f"<td{_class(cell.style, shape)}>{content}</td>"


def _image(figure: Figure) -> str:
    """Render a picture."""
    if isinstance(figure.image, str):
        return figure.image.replace("<svg", f'<svg role="img" aria-label="{escape(escaped(figure.alt))}"', 1)
    data = base64.b64encode(figure.image).decode()
    return f'<img alt="{escape(escaped(figure.alt))}" src="data:image/png;base64,{data}">'
