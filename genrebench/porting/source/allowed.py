"""What the written file may consist of; checked before it is handed over."""

import ast
import re

from genrebench.errors import ConfigError

# Kinds of nodes that the table writes; nothing else of Python.
_NODES = frozenset(
    """Module Import ImportFrom alias ClassDef FunctionDef arguments arg Expr Constant Assign AnnAssign AugAssign Return
    If IfExp For Pass Name Load Store Attribute Call keyword Tuple List Starred Subscript Slice Dict ListComp
    GeneratorExp comprehension BinOp Add Sub Mult Div FloorDiv Mod Pow MatMult BitAnd BitOr UnaryOp USub Not Invert
    BoolOp And Or Compare Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn""".split()
)
_IMPORTS = frozenset({"json", "math", "torch", "torch.nn.functional"})
_IMPORTED_FROM = {"collections.abc": {"Callable"}, "pathlib": {"Path"}, "torch": {"Tensor", "nn"}}
_BUILTINS = frozenset(
    """self super int float str bool bytearray dict list tuple len range zip enumerate reversed next max min
    sum""".split()
)
# Beyond the first underscore nothing of Python's own is needed but these.
_DUNDERS = frozenset({"__init__"})


def check_source(text: str) -> None:
    """Refuse a file that holds more than the table writes.

    Parameters
    ----------
    text : str
        Source of Python.

    Raises
    ------
    ConfigError
        If it cannot be parsed, or holds a kind of node, a name, an import or an attribute that no emitted file has.

    Examples
    --------
    >>> check_source("import torch")
    >>> check_source("import os")
    Traceback (most recent call last):
    genrebench.errors.ConfigError: expected source of what the table writes alone, received import os in line 1
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"expected source that Python can parse ({error})") from error
    nodes = list(ast.walk(tree))
    bound = _BUILTINS | {name for node in nodes for name in _bound(node)}
    for node in nodes:
        if found := _stranger(node, bound):
            line = getattr(node, "lineno", 0)
            raise ConfigError(
                f"expected source of what the table writes alone, received {found:.80} in line {line}"
            ) from None


def _bound(node: ast.AST) -> set[str]:
    """List the names that a node binds."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.arg):
        return {node.arg}
    if isinstance(node, ast.alias):
        return {node.asname or node.name}
    return set()


def _stranger(node: ast.AST, bound: set[str] | frozenset[str]) -> str | None:
    """Describe what a node holds that no written file has."""
    kind = type(node).__name__
    if kind not in _NODES:
        return kind
    if isinstance(node, ast.Import) and (strange := {each.name for each in node.names} - _IMPORTS):
        return f"import {min(strange)}"
    if isinstance(node, ast.ImportFrom):
        known = _IMPORTED_FROM.get(node.module or "", set())
        if node.level or {each.name for each in node.names} - known:
            return f"from {node.module} import"
    if isinstance(node, ast.Name) and node.id not in bound:
        return f"the name {node.id}"
    words = [node.id] if isinstance(node, ast.Name) else [node.attr] if isinstance(node, ast.Attribute) else []
    words += list(_bound(node)) if not isinstance(node, ast.alias) else []
    for word in words:
        if word not in _DUNDERS | {"_", "F"} and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", word):
            return f"the name {word}"
    return None
