"""Long short-term memory whose products are convolutions, which PyTorch has not: a local module."""

from collections.abc import Sequence

from genrebench.porting.source.kinds.activation import function_of
from genrebench.porting.source.kinds.convolution import Sides, bias, settings, size
from genrebench.porting.source.kinds.runs import Run
from genrebench.porting.source.places import SAME, kernel
from genrebench.porting.source.scope import Order
from genrebench.porting.source.site import Site, Weights
from genrebench.porting.source.table import writes
from genrebench.reading.graph import Tensor
from genrebench.reading.kinds import conv_lstm as kinds
from genrebench.reading.kinds.windows import padded, split


def states_of(site: Site) -> list[str]:
    """Read the states that a layer begins with."""
    given = site.call.arguments.get("initial_state", ())
    tensors = [given] if isinstance(given, Tensor) else list(given)
    return [f"@{site.scope.take(each, 'keras')}@" for each in tensors]


def _bordered(convolution: str, sides: Sides) -> tuple[str, str]:
    """Write a convolution with what is put around before, where its own padding cannot; and its name in the module."""
    if all(before == behind for before, behind in sides):
        return convolution, ""
    numbers = ", ".join(str(number) for each in reversed(sides) for number in each)
    return f"nn.Sequential(nn.ZeroPad{len(sides)}d(({numbers})), {convolution})", "1."


def _padding(sides: Sides) -> str:
    """Write the padding of a convolution's own, where it is even."""
    amounts = [before for before, _ in sides]
    return f", padding={size(amounts)}" if any(amounts) and all(one == two for one, two in sides) else ""


class ConvRun(Run):
    """One direction; inside the module channels stand before the places."""

    kind: kinds._ConvLSTM

    @property
    def is_last(self) -> bool:
        """Say whether Keras has the channels last."""
        return self.kind.data_format == "channels_last"

    @property
    def order(self) -> Order:
        """Tell in which order the module gives an image."""
        return "torch" if self.is_last else "keras"

    def sides(self) -> Sides | None:
        """Compute what is put around the input; None if it is not the same for all that the layer gets."""
        kind = self.kind
        if kind.padding == "valid":
            return ((0, 0),) * kind.rank
        found = set()
        for call in self.site.calls:
            lengths, _ = split((call.input_shapes or ())[0][1:], kind.rank, kind.data_format)
            each = zip(lengths, kind.kernel_size, kind.strides, kind.dilation_rate, strict=True)
            found.add(tuple(padded(*one) for one in each))
        (first, *others) = found
        return None if others or None in first else tuple(each for each in first if each is not None)

    def module(self) -> str:
        """Write the module, and place its weights."""
        kind, site = self.kind, self.site
        _, channels = split(site.shapes[0][1:], kind.rank, kind.data_format)
        name, width = f"nn.Conv{kind.rank}d", 4 * kind.filters
        sides = self.sides() or ((0, 0),) * kind.rank
        given = settings(kind, _padding(sides))
        first, inner = _bordered(f"{name}({channels}, {width}{given}{bias(kind)})", sides)
        # The state's convolution keeps its size: stride 1, no dilation.
        around = tuple(((each - 1) // 2, each // 2) for each in kind.kernel_size)
        given = f", {size(kind.kernel_size)}{_padding(around)}, bias=False"
        second, inside = _bordered(f"{name}({kind.filters}, {width}{given})", around)
        weights: Weights = {
            f"{self.front}kernel": (f"convolution.{inner}weight", kernel(kind.rank)),
            f"{self.front}recurrent_kernel": (f"recurrent.{inside}weight", kernel(kind.rank)),
        }
        if kind.use_bias:
            weights = {**weights, f"{self.front}bias": (f"convolution.{inner}bias", SAME)}
        rates = {"dropout": kind.dropout, "recurrent_dropout": kind.recurrent_dropout}
        drops = [each for each, rate in rates.items() if site.drops(rate)]
        text = f"{site.part('DroppingConvLSTM' if drops else 'ConvLSTM')}({first}, {second}, "
        text += self.function(kind.activation)
        gate = self.function(kind.recurrent_activation)
        text += f", gate={gate}" if gate != "torch.sigmoid" else ""
        text += ", zero_masked=True" if self.zeros else ""
        text += "".join(f", {each}={rates[each]!r}" for each in drops)
        module = site.module(f"{text})", weights, suffix=self.way)
        axes = (0, 1, kind.rank + 2, *range(2, kind.rank + 2)) if self.is_last else ()
        for each in drops:
            site.draws(f"{module}.{each}", key=f"{self.front}{each}", axes=axes)
        return module

    def function(self, activation: object) -> str:
        """Write an activation, which along the last axis is along that of the channels inside."""
        text = function_of(self.site, activation)
        return text.replace("dim=-1", "dim=1") if self.is_last else text

    def inside(self, states: Sequence[str] = ()) -> tuple[str, list[str]]:
        """Write the run as the module has it: channels before the places."""
        kind, site = self.kind, self.site
        x, mask = self.turned(site.take(), self.mask)
        if self.is_last:
            x = site.step(f"{x}.movedim(-1, 2)", "channels before the places")
            states = [f"{each}.movedim(-1, 1)" for each in states]
            mask = mask and f"{mask}.unsqueeze(2)"
        if self.sides() is None:
            given = f"{kind.kernel_size}, {kind.strides}" + (
                f", {kind.dilation_rate}" if max(kind.dilation_rate) > 1 else ""
            )
            text = f"{site.part('pad_same')}({x}.flatten(0, 1), {given}).unflatten(0, {x}.shape[:2])"
            x = site.step(text, "what Keras pads depends on the size")
        text = f"{self.module()}({x}"
        text += f", states=({', '.join(states)})" if states else ""
        text += f", mask={mask}" if mask else ""
        y, *after = self.called("{}, ({}, {})", f"{text})", "h", "c")
        return y, after

    def run(self, states: Sequence[str] = ()) -> tuple[str, list[str]]:
        """Write the run, channels as in Keras: the sequence in the order in which it went, and the last states."""
        y, after = self.inside(states)
        if not self.is_last:
            return y, after
        return self.site.step(f"{y}.movedim(2, -1)"), [f"{each}.movedim(1, -1)" for each in after]


@writes("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
def write_conv_lstm(site: Site) -> None:
    """Write a recurrent layer of images."""
    assert isinstance(site.kind, kinds._ConvLSTM)
    kind, run = site.kind, ConvRun(site, site.kind)
    y, after = run.inside(states_of(site))
    if not kind.return_sequences:
        site.give(f"{y}[:, -1]", run.order)
    else:
        site.give(f"{y}.movedim(2, -1)" if run.is_last else y)
        if mask := site.mask():
            site.give_mask(mask)
    for number, state in enumerate(after if kind.return_state else (), start=1):
        site.give(state, run.order, output=number)
