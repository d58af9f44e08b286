"""Expressions in x: what each comes to, and all that is refused."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.errors import ConfigError
from genrebench.reading.expression import parse_expression
from genrebench.reading.program import Program, Step

BETWEEN = {
    "Add": np.add,
    "Subtract": np.subtract,
    "Multiply": np.multiply,
    "Divide": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "power": np.power,
}
FUNCTIONS: dict[str, Any] = {
    "abs": np.abs,
    "exponential": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "square": np.square,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


def computed(step: Step, values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Compute one step, by what its kind says."""
    kind: Any = step.kind
    if kind.name == "Activation":
        return FUNCTIONS[kind.activation](values[0])  # type: ignore[no-any-return]
    if kind.name == "Identity":
        return values[0]
    operator = kind.operator.capitalize() if kind.name == "Arithmetic" else kind.name
    operands = values if kind.name != "Arithmetic" else [values[0], np.float64(kind.number)]
    function = BETWEEN["power" if operator == "Power" else operator]
    return function(*(operands[::-1] if getattr(kind, "reverse", False) else operands))  # type: ignore[no-any-return]


def evaluated(program: Program, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute a program."""
    values = [x]
    for step in program.steps:
        values.append(computed(step, [values[index] for index in step.reads]))
    return values[program.outputs[0]]


EXPRESSIONS = {
    "x": lambda x: x,
    "x / 255 - 0.5": lambda x: x / 255 - 0.5,
    "1 - x": lambda x: 1 - x,
    "2 / x": lambda x: 2 / x,
    "-x + +3": lambda x: -x + 3,
    "-(x - 2) ** 2": lambda x: -((x - 2) ** 2),
    "x * x - x / (x + 1)": lambda x: x * x - x / (x + 1),
    "x * (2 ** 3 - 1) / -4": lambda x: x * 7 / -4,
    "(x - 1.5e0)**2": lambda x: (x - 1.5) ** 2,
    "x ** 0.5 + sqrt(x) + log(x) + exp(-x)": lambda x: x**0.5 + np.sqrt(x) + np.log(x) + np.exp(-x),
    "abs(x - 1) * square(x)": lambda x: abs(x - 1) * x**2,
    "clip(x, 0.5, 1.5) + maximum(x, 1) - minimum(2, 3 * x)": (
        lambda x: np.clip(x, 0.5, 1.5) + np.maximum(x, 1) - np.minimum(2, 3 * x)
    ),
    "maximum(x, 1 - x) * minimum(x, 1 / x)": lambda x: np.maximum(x, 1 - x) * np.minimum(x, 1 / x),
    "x * sigmoid(1.702 * x)": lambda x: x / (1 + np.exp(-1.702 * x)),
    "relu(tanh(x) - 0.5)": lambda x: np.maximum(np.tanh(x) - 0.5, 0),
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_means_what_python_means(text: str) -> None:
    """Its steps compute the same numbers: order, signs, precedence."""
    x = np.linspace(0.1, 3, 30)
    np.testing.assert_allclose(evaluated(parse_expression(text), x), EXPRESSIONS[text](x), rtol=1e-14)


def test_steps_have_names_of_their_own() -> None:
    """Each says what it does; repeated ones are numbered."""
    assert [step.name for step in parse_expression("x * 2 + (x - 1) * 3 - x").steps] == [
        "multiply",
        "subtract",
        "multiply_2",
        "add",
        "subtract_2",
    ]


REFUSED = {
    "": "such as x / 255",
    "3 + 4": "with x in it",
    "y + 1": "received 'y'",
    "x @ x": "expression of numbers",
    "x // 2": "expression of numbers",
    "x if x else 1": "expression of numbers",
    "x > 1": "expression of numbers",
    "[x]": "expression of numbers",
    "x[0]": "expression of numbers",
    "x.real": "expression of numbers",
    "lambda: x": "expression of numbers",
    "(y := x)": "expression of numbers",
    "f'{x}'": "expression of numbers",
    "x + True": "expression of numbers",
    "x + 1j": "expression of numbers",
    "x + 'a'": "expression of numbers",
    "__import__('os').system('touch /tmp/owned')": "expression of numbers",
    "eval('x')": "received eval of 1",
    "x.__class__": "expression of numbers",
    "tanh(x, x)": "tanh of 2",
    "clip(x, 1)": "clip of 2",
    "tanh(x=x)": "expression of numbers",
    "tanh(*[x])": "expression of numbers",
    "log(2) + x": "x within log",
    "2 ** x": "number as the exponent",
    "x ** x": "number as the exponent",
    "x / (1 - 1)": "can be computed with",
    "x + 10 ** 400": "can be computed with",
    "x + (-1) ** 0.5": "such as x / 255",
    "x + 1e999": "number",
    "x = 3": "such as x / 255",
    "x; x": "such as x / 255",
    "x\x00": "such as x / 255",
    "(" * 400 + "x" + ")" * 400: "such as x / 255",
    "-" * 990 + "x": "such as x / 255",
    "x + " * 400 + "x": "at most 1000 letters",
    "x + " + "9" * 900: "can be computed with",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_anything_else_is_refused_in_a_line(text: str) -> None:
    """Nothing is evaluated, and no name means anything but x and the functions."""
    with pytest.raises(ConfigError, match=REFUSED[text]) as caught:
        parse_expression(text)
    assert "\n" not in str(caught.value)


def test_numbers_are_computed_in_float64() -> None:
    """What has no x in it is one number."""
    (step,) = parse_expression("x * (1 / 3 + 2 - -0.5 * 4)").steps
    kind: Any = step.kind
    assert math.isclose(kind.number, 1 / 3 + 4, rel_tol=1e-15)
