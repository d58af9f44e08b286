"""What the written file needs for recurrent layers of images."""

# By name; what a part itself needs stands before it.
PARTS = {
    "ConvLSTM": '''
class ConvLSTM(nn.Module):
    """Long short-term memory of images, gates in the order i, f, g, o.

    Where a mask says that a step is not there, the states stay, and the output is that
    of the step before, or zero.
    """

    def __init__(
        self,
        convolution: nn.Module,
        recurrent: nn.Module,
        activation: Callable[[Tensor], Tensor],
        gate: Callable[[Tensor], Tensor] = torch.sigmoid,
        zero_masked: bool = False,
    ) -> None:
        """Keep the convolutions of inputs and of states, each for all gates."""
        super().__init__()
        self.convolution, self.recurrent = convolution, recurrent
        self.activation, self.gate = activation, gate
        self.zero_masked = zero_masked

    def share(self, x: Tensor) -> Tensor:
        """Compute what inputs add to the gates, of all steps at once."""
        return self.convolution(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def product(self, h: Tensor) -> Tensor:
        """Compute what a state adds to the gates."""
        return self.recurrent(h)

    def forward(
        self,
        x: Tensor,
        states: tuple[Tensor, ...] | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run over (n, steps, channels, ...): all outputs, and the last states."""
        shares = self.share(x)
        zero = torch.zeros_like(shares[:, 0].chunk(4, dim=1)[0])
        h, c = states or (zero, zero)
        y, outputs = zero, []
        for step, share in enumerate(shares.unbind(1)):
            i, f, g, o = (share + self.product(h)).chunk(4, dim=1)
            after_c = self.gate(f) * c + self.gate(i) * self.activation(g)
            after_h = self.gate(o) * self.activation(after_c)
            if mask is None:
                y, h, c = after_h, after_h, after_c
            else:
                there = mask[:, step]
                there = there.reshape(there.shape + (1,) * (h.ndim - there.ndim))
                y = torch.where(there, after_h, zero if self.zero_masked else y)
                h = torch.where(there, after_h, h)
                c = torch.where(there, after_c, c)
            outputs.append(y)
        return torch.stack(outputs, dim=1), (h, c)
''',
    "DroppingConvLSTM": '''
class DroppingConvLSTM(ConvLSTM):
    """One that drops values: for each gate others, the same at every step."""

    def __init__(
        self,
        convolution: nn.Module,
        recurrent: nn.Module,
        activation: Callable[[Tensor], Tensor],
        gate: Callable[[Tensor], Tensor] = torch.sigmoid,
        zero_masked: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        """Keep the convolutions of inputs and of states, each for all gates."""
        super().__init__(convolution, recurrent, activation, gate, zero_masked)
        self.dropout = nn.Dropout(dropout)
        self.recurrent_dropout = nn.Dropout(recurrent_dropout)

    def share(self, x: Tensor) -> Tensor:
        """Compute what inputs add to the gates; for each gate others are dropped."""
        if not self.training:
            return super().share(x)
        kept = self.dropout(x.new_ones(x.shape[0], 4, *x.shape[2:]))
        parts = []
        for gate in range(4):
            part = super().share(x * kept[:, None, gate])
            parts.append(part.chunk(4, dim=2)[gate])
        ones = torch.ones_like(torch.stack([part[:, 0] for part in parts], dim=1))
        self.kept = self.recurrent_dropout(ones)
        return torch.cat(parts, dim=2)

    def product(self, h: Tensor) -> Tensor:
        """Compute what a state adds to the gates."""
        if not self.training:
            return super().product(h)
        parts = []
        for gate in range(4):
            part = super().product(h * self.kept[:, gate])
            parts.append(part.chunk(4, dim=1)[gate])
        return torch.cat(parts, dim=1)
''',
}
