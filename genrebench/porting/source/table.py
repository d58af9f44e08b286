"""The table of what writes each kind of layer; it is filled by the modules of `genrebench.porting.source.kinds`."""

from collections.abc import Callable

from genrebench.porting.source.site import Site

Write = Callable[[Site], None]
# By the kind's name.
WRITERS: dict[str, Write] = {}


def writes(*kinds: str) -> Callable[[Write], Write]:
    """Enter a function as what writes these kinds."""

    def enter(function: Write) -> Write:
        """Enter it under each name."""
        WRITERS.update(dict.fromkeys(kinds, function))
        return function

    return enter
