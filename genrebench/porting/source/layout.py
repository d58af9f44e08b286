"""Source in the form that ruff and black give it, where a line is too long."""

from collections.abc import Iterator

WIDTH = 88
_PAIRS = {"(": ")", "[": "]", "{": "}"}


def wrap(line: str, indent: int, *, hugging: str = "") -> list[str]:
    r"""Break a line of source, if it is too long.

    Parameters
    ----------
    line : str
        A statement without its indentation.
    indent : int
        Number of spaces before it.
    hugging : str
        The end of the line behind the brackets that are to be broken; by default they end it.

    Returns
    -------
    list of str
        Lines, indented: arguments go to a line of their own, or, if they do not fit there, to one each; elements of a
        tuple or a list to one each at once.

    Examples
    --------
    >>> wrap("x = torch.cat((first, second), dim=1)", 4)
    ['    x = torch.cat((first, second), dim=1)']
    >>> print("\n".join(wrap(f"x = function({'a' * 60}, {'b' * 20})", 0)))
    x = function(
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbb
    )
    """
    space = " " * indent
    body_end = len(line) - len(hugging)
    if indent + len(line) <= WIDTH or line[body_end - 1] not in ")]":
        return [space + line]
    start = _opening(line, body_end - 1)
    inner = line[start + 1 : body_end - 1]
    is_call = start > 0 and (line[start - 1].isidentifier() or line[start - 1] in ")]")
    head, tail = space + line[: start + 1], space + line[body_end - 1 :]
    if not inner:
        return [space + line]
    if is_call and indent + 4 + len(inner) <= WIDTH:
        return [head, f"{space}    {inner}", tail]
    items = [broken for item in _items(inner) for broken in wrap(f"{item},", indent + 4, hugging=",")]
    return [head, *items, tail]


def commented(text: str, comment: str, indent: int) -> list[str]:
    """Write a statement with a comment: behind it if there is room, else before it."""
    space = " " * indent
    if comment and indent + len(text) + len(comment) + 4 <= WIDTH:
        return [f"{space}{text}  # {comment}"]
    return [*([f"{space}# {comment}"] if comment else []), *wrap(text, indent)]


def _opening(line: str, end: int) -> int:
    """Find the bracket that the one at `end` closes."""
    depth = 0
    for index in range(end, -1, -1):
        depth += (line[index] in ")]}") - (line[index] in "([{")
        if not depth:
            return index
    raise ValueError(line)


def _items(inner: str) -> Iterator[str]:
    """Part what stands between brackets at its commas."""
    depth, begin = 0, 0
    for index, letter in enumerate(inner):
        depth += (letter in _PAIRS) - (letter in _PAIRS.values())
        if letter == "," and not depth:
            yield inner[begin:index].strip()
            begin = index + 1
    if rest := inner[begin:].strip():
        yield rest
