"""Text that somebody may put into a name or a message, which no renderer may take for more than text."""

from genrebench.report.document import Block, Cell, Column, Document, Fold, Heading, Item, Items, Table, Text

LONG = "x" * 300
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></table><!-- <?php",
    "[click](javascript:alert(1)) ![see](http://evil.example/x.png)",
    "[a]: javascript:alert(1)",
    "<javascript:alert(1)> <http://evil.example>",
    "\x1b[31mred\x1b]0;title\x07 \x00 \x9b2J",
    "right to left \u202e and back",
    "first\nsecond\r\n\n# third\n\n    fourth",
    "a | b || \\| c \\",
    "*a* **b** _c_ __d__ a_b ~~e~~ `f` ``g`` $h$ \\*i*",
    "&lt;b&gt; &amp; &#60; &copy; a & b < c <= d > e",
    "# heading",
    "1. one",
    "12) twelve",
    "- item",
    "+ item",
    "> quotation",
    "===",
    "---",
    "***",
    "```sh",
    "~~~",
    "| a | b |",
    "[bold red]markup of rich[/bold red] :smile:",
    LONG,
)


def document_of(text: str) -> Document:
    """Put a text wherever a document has text."""
    table = Table(
        (Column(text, text), "plain", Column(text, "b", optional=True)),
        ((text, Cell(text, "bad", target=text), Cell(text, numeric=True)), ("x", "y", "z")),
        id=text,
        caption=text,
    )
    blocks: list[Block] = [
        Heading(text),
        Text(text, "good", text),
        Items([Item(text, [text, "a fact"])], numbered=True, id=text),
        Items([Item(text)]),
        table,
    ]
    return Document(text, [*blocks, Fold(text, blocks, Cell(text, "warn"), id=text)], passed=False)
