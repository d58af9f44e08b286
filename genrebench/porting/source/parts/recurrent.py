"""What the written file needs for recurrent layers that PyTorch's own cannot compute."""

# By name; each is made of either of the layers below, the one without dropout and the one with it.
_CELLS = {
    "SimpleRNN": '''
class {name}({base}):
    """The plain recurrent layer."""

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        return (self.activation(x + self.product(states[0])),)
''',
    "LSTM": '''
class {name}({base}):
    """Long short-term memory, gates in the order i, f, g, o."""

    gates, states = 4, 2

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        h, c = states
        i, f, g, o = (x + self.product(h)).chunk(4, dim=1)
        c = self.gate(f) * c + self.gate(i) * self.activation(g)
        return self.gate(o) * self.activation(c), c
''',
    "GRU": '''
class {name}({base}):
    """Gated recurrent unit, gates z, r, h; the reset comes before the product."""

    gates = 3

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        (h,) = states
        x_z, x_r, x_h = x.chunk(3, dim=1)
        z, r = self.product(h, 0, 2).chunk(2, dim=1)
        z, r = self.gate(x_z + z), self.gate(x_r + r)
        candidate = self.activation(x_h + self.product(r * h, 2))
        return (z * h + (1 - z) * candidate,)
''',
    "ResetAfterGRU": '''
class {name}({base}):
    """Gated recurrent unit, gates z, r, h; the reset comes after the product."""

    gates, biases = 3, 2

    def step(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Make one step."""
        (h,) = states
        x_z, x_r, x_h = x.chunk(3, dim=1)
        product = self.product(h)
        product = product if self.bias_hh is None else product + self.bias_hh
        z, r, inner = product.chunk(3, dim=1)
        z, r = self.gate(x_z + z), self.gate(x_r + r)
        return (z * h + (1 - z) * self.activation(x_h + r * inner),)
''',
}
_DROPPING = "Dropping"
# By name; what a part itself needs stands before it.
PARTS = {
    "Recurrent": '''
class Recurrent(nn.Module):
    """A recurrent layer of Keras, step by step.

    Where a mask says that a step is not there, the states stay, and the output is that
    of the step before, or zero.
    """

    gates, states, biases = 1, 1, 1

    def __init__(
        self,
        features: int,
        units: int,
        activation: Callable[[Tensor], Tensor],
        gate: Callable[[Tensor], Tensor] = torch.sigmoid,
        bias: bool = True,
        zero_masked: bool = False,
    ) -> None:
        """Make the weights, which are loaded."""
        super().__init__()
        self.units, self.zero_masked = units, zero_masked
        self.activation, self.gate = activation, gate
        width = self.gates * units
        self.weight_ih = nn.Parameter(torch.zeros(width, features))
        self.weight_hh = nn.Parameter(torch.zeros(width, units))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        if self.biases == 2:
            self.bias_hh = nn.Parameter(torch.zeros(width)) if bias else None

    def share(self, x: Tensor) -> Tensor:
        """Compute what inputs add to the gates."""
        return F.linear(x, self.weight_ih, self.bias)

    def product(self, h: Tensor, first: int = 0, end: int | None = None) -> Tensor:
        """Multiply a state by the recurrent weights of some gates."""
        weight = self.weight_hh.unflatten(0, (self.gates, -1))[first:end]
        return h @ weight.flatten(0, 1).T

    def forward(
        self,
        x: Tensor,
        states: tuple[Tensor, ...] | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run over (n, steps, features): outputs of all steps, and the last states."""
        zero = x.new_zeros(x.shape[0], self.units)
        states = states or (zero,) * self.states
        y, outputs = zero, []
        for step, share in enumerate(self.share(x).unbind(1)):
            after = self.step(share, states)
            if mask is None:
                y, states = after[0], after
            else:
                there = mask[:, step, None]
                y = torch.where(there, after[0], zero if self.zero_masked else y)
                pairs = zip(after, states, strict=True)
                states = tuple(torch.where(there, new, old) for new, old in pairs)
            outputs.append(y)
        return torch.stack(outputs, dim=1), states
''',
    "DroppingRecurrent": '''
class DroppingRecurrent(Recurrent):
    """A recurrent layer that drops features and states, the same at every step."""

    def __init__(
        self,
        features: int,
        units: int,
        activation: Callable[[Tensor], Tensor],
        gate: Callable[[Tensor], Tensor] = torch.sigmoid,
        bias: bool = True,
        zero_masked: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        """Make the weights, which are loaded."""
        super().__init__(features, units, activation, gate, bias, zero_masked)
        self.dropout = nn.Dropout(dropout)
        self.recurrent_dropout = nn.Dropout(recurrent_dropout)

    def share(self, x: Tensor) -> Tensor:
        """Compute what inputs add to the gates; for each gate others are dropped."""
        if not self.training:
            return super().share(x)
        kept = self.dropout(x.new_ones(x.shape[0], self.gates, x.shape[2]))
        ones = x.new_ones(x.shape[0], self.gates, self.units)
        self.kept = self.recurrent_dropout(ones)
        weight = self.weight_ih.unflatten(0, (self.gates, -1))
        shares = torch.einsum("ntf,ngf,guf->ntgu", x, kept, weight).flatten(2)
        return shares if self.bias is None else shares + self.bias

    def product(self, h: Tensor, first: int = 0, end: int | None = None) -> Tensor:
        """Multiply a state by the recurrent weights of some gates."""
        if not self.training:
            return super().product(h, first, end)
        weight = self.weight_hh.unflatten(0, (self.gates, -1))[first:end]
        kept = self.kept[:, first:end]
        return torch.einsum("nu,ngu,gvu->ngv", h, kept, weight).flatten(1)
''',
    **{name: text.format(name=name, base="Recurrent") for name, text in _CELLS.items()},
    **{
        f"{_DROPPING}{name}": text.format(name=f"{_DROPPING}{name}", base="DroppingRecurrent")
        for name, text in _CELLS.items()
    },
}
