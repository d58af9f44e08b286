"""A small arithmetic expression in x, which says what a layer computes that is code in the file.

It is parsed into a tree, and only what is listed here is taken from the tree: nothing is ever evaluated as Python.
"""

import ast
import math
import warnings
from collections.abc import Callable

from genrebench.errors import ConfigError, shown
from genrebench.reading.kinds import merging
from genrebench.reading.kinds.activation import Activation
from genrebench.reading.kinds.base import Kind
from genrebench.reading.kinds.core import Identity
from genrebench.reading.program import Program

_MAX_LENGTH = 1000
# Of one argument: the activation that each is.
_FUNCTIONS = {
    "abs": "abs",
    "elu": "elu",
    "exp": "exponential",
    "log": "log",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "softplus": "softplus",
    "softsign": "softsign",
    "sqrt": "sqrt",
    "square": "square",
    "tanh": "tanh",
}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
_NUMBERS: dict[str, Callable[[float, float], float]] = {
    "add": lambda first, second: first + second,
    "subtract": lambda first, second: first - second,
    "multiply": lambda first, second: first * second,
    "divide": lambda first, second: first / second,
    "power": math.pow,
    "maximum": max,
    "minimum": min,
}
_TAKEN = f"numbers, x, + - * / **, {', '.join(sorted((*_FUNCTIONS, 'clip', 'maximum', 'minimum')))}"


class _Value(int):
    """The number of a value of the program, which is no number of the expression."""


def parse_expression(text: str) -> Program:
    """Parse an expression such as ``x / 255 - 0.5``.

    Parameters
    ----------
    text : str
        Numbers, ``x``, ``+ - * / **``, parentheses, and the functions abs, clip, elu, exp, log, maximum, minimum, relu,
        sigmoid, softplus, softsign, sqrt, square and tanh.

    Returns
    -------
    Program
        Kinds of layers that compute it.

    Raises
    ------
    ConfigError
        If there is anything else in it.
    """
    if len(text) > _MAX_LENGTH:
        raise ConfigError(f"expected an expression of at most {_MAX_LENGTH} letters, received {len(text)}")
    program = Program(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Python thinks of how it is written
            tree = ast.parse(text.strip(), mode="eval")
        value = _Parser(program).value(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"expected an expression in x, such as x / 255 - 0.5, received {shown(text)}") from error
    except ArithmeticError as error:
        raise ConfigError(f"expected numbers that can be computed with, received {shown(text)} ({error})") from error
    if not isinstance(value, _Value):
        raise ConfigError(f"expected an expression with x in it, received {shown(text)}, a number")
    program.outputs = [value if program.steps else program.add("identity", Identity(), value)]
    return program


class _Parser:
    """Turns a tree into steps; what has no x in it is a number at once."""

    def __init__(self, program: Program) -> None:
        """Write into a program."""
        self._program = program

    def value(self, node: ast.expr) -> _Value | float:
        """Turn a tree into a value of the program, or a number."""
        if isinstance(node, ast.Name) and node.id == "x":
            return _Value(0)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return float(node.value)  # type: ignore[arg-type]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self.value(node.operand)
            return inner if isinstance(node.op, ast.UAdd) else self._binary("multiply", inner, -1.0)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return self._binary(_OPERATORS[type(node.op)], self.value(node.left), self.value(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, node.args)
        raise ConfigError(f"expected an expression of {_TAKEN}, received {shown(ast.unparse(node))}")

    def _call(self, name: str, arguments: list[ast.expr]) -> _Value | float:
        """Turn the call of a function into steps."""
        if name == "clip" and len(arguments) == 3:
            value, least, most = map(self.value, arguments)
            return self._binary("minimum", self._binary("maximum", value, least), most)
        if name in ("maximum", "minimum") and len(arguments) == 2:
            return self._binary(name, *map(self.value, arguments))
        if name not in _FUNCTIONS or len(arguments) != 1:
            raise ConfigError(f"expected an expression of {_TAKEN}, received {name} of {len(arguments)} arguments")
        value = self.value(arguments[0])
        if not isinstance(value, _Value):
            raise ConfigError(f"expected x within {name}, received a number; write the number that it is")
        return self._step(name, Activation(activation=_FUNCTIONS[name]), value)

    def _binary(self, operator: str, first: _Value | float, second: _Value | float) -> _Value | float:
        """Join two values."""
        if not isinstance(first, _Value) and not isinstance(second, _Value):
            return _NUMBERS[operator](first, second)
        if operator == "power" and isinstance(second, _Value):
            raise ConfigError("expected a number as the exponent, received an expression in x")
        if isinstance(first, _Value) and isinstance(second, _Value):
            return self._step(operator, merging.BINARY[operator](), first, second)
        if isinstance(second, _Value):
            settings = {"operator": operator, "number": first, "reverse": operator in merging.ORDERED}
            return self._step(operator, merging.Arithmetic(**settings), second)  # type: ignore[arg-type]
        if operator == "divide" and second == 0:
            raise ZeroDivisionError("division by zero")
        settings = {"operator": operator, "number": second}
        return self._step(operator, merging.Arithmetic(**settings), first)  # type: ignore[arg-type]

    def _step(self, name: str, kind: Kind, *reads: _Value | float) -> _Value:
        """Add a step to the program."""
        return _Value(self._program.add(name, kind, *(int(each) for each in reads)))
