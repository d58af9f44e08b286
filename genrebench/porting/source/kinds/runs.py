"""One direction of a recurrent layer as source: what all kinds of them share."""

from dataclasses import dataclass
from typing import Any

from genrebench.porting.source.site import Site


@dataclass(frozen=True)
class Run:
    """One direction of a recurrent layer.

    Attributes
    ----------
    site : Site
        The call.
    kind : _Recurrent
        What is run.
    way : str
        ``forward`` or ``backward`` within Bidirectional, else empty.
    """

    site: Site
    kind: Any
    way: str = ""

    @property
    def front(self) -> str:
        """Say what stands in front of the names of weights and draws."""
        return f"{self.way}/" if self.way else ""

    @property
    def mask(self) -> str | None:
        """Read the mask to compute with, which Keras 3 forgets where there is an initial state."""
        arguments = self.site.call.arguments
        is_forgotten = arguments.get("initial_state") and not self.kind.mask_with_state and "mask" not in arguments
        return None if is_forgotten else self.site.mask()

    @property
    def zeros(self) -> bool:
        """Say whether the output of a masked step is 0."""
        zeros = self.kind.zeros_within_both if self.way else self.kind.zero_output_for_mask
        return bool(zeros) and self.mask is not None

    def turned(self, x: str, mask: str | None) -> tuple[str, str | None]:
        """Write time backwards, if the layer goes there."""
        if self.kind.go_backwards:
            x = self.site.step(f"{x}.flip(1)", "backwards in time")
            mask = mask and self.site.step(f"{mask}.flip(1)", name="backward_mask")
        if self.kind.stateful:
            self.site.note("stateful in Keras; here every batch begins anew")
        return x, mask

    def called(self, pattern: str, text: str, *names: str) -> list[str]:
        """Write the call of the module, which gives all steps and the last states."""
        return self.site.steps(pattern, text, "forwards" if self.way == "forward" else "", *names)
