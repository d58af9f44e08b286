"""The list of what a written file may hold."""

import pytest

from genrebench.errors import ConfigError
from genrebench.porting.source.allowed import check_source


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os", "import os"),
        ("from os import system", "from os import"),
        ("from torch import load", "from torch import"),
        ("from . import x", "from None import"),
        ("eval('1')", "the name eval"),
        ("open('x')", "the name open"),
        ("def f(x):\n    return x.__class__", "the name __class__"),
        ("def f(x):\n    return __import__(x)", "the name __import__"),
        ("def _f(x):\n    return x", "the name _f"),
        ("x = lambda: 1", "Lambda"),
        ("async def f():\n    pass", "AsyncFunctionDef"),
        ("try:\n    pass\nexcept ValueError:\n    pass", "Try"),
        ("while True:\n    pass", "While"),
        ("def f():\n    yield 1", "Yield"),
        ("x = f'{1}'", "JoinedStr"),
        ("global x", "Global"),
        ("with f():\n    pass", "With"),
        ("x = (", "expected source that Python can parse"),
    ],
)
def test_what_no_file_holds_is_refused(source: str, said: str) -> None:
    """Each with what it is."""
    with pytest.raises(ConfigError) as error:
        check_source(source)
    assert said in str(error.value)
