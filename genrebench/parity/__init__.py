"""The proof that backends build the same network, or the first layer where they do not, and why."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genrebench.parity.run import compare_backends

__all__ = ["compare_backends"]


def __getattr__(name: str) -> Any:
    """Import what is public on first use."""
    if name in __all__:
        from genrebench.parity import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
