"""What the written file needs for spectrograms."""

# By name; what a part itself needs stands before it.
PARTS = {
    "MelSpectrogram": '''
class MelSpectrogram(nn.Module):
    """Mel bands of signals, (n, samples) to (n, bands, frames), perhaps in decibels."""

    def __init__(
        self,
        fft_length: int,
        stride: int,
        bands: int,
        length: int | None = None,
        window: Callable[..., Tensor] = torch.hann_window,
        exponent: float = 2.0,
        least: float = 1e-10,
        reference: float = 1.0,
        top: float | None = None,
    ) -> None:
        """Make room for the matrix of the bands, which is loaded."""
        super().__init__()
        self.fft_length, self.stride = fft_length, stride
        self.length, self.window = length or fft_length, window
        self.exponent, self.least = exponent, least
        self.offset, self.top = 10 * math.log10(reference), top
        self.register_buffer("matrix", torch.zeros(fft_length // 2 + 1, bands))

    def forward(self, x: Tensor) -> Tensor:
        """Transform frames around centers of a mirrored signal."""
        # TensorFlow's windows of an odd length are not periodic.
        is_even = self.length % 2 == 0
        window = self.window(self.length, is_even, dtype=x.dtype, device=x.device)
        x = torch.stft(
            x, self.fft_length, self.stride, self.length, window, return_complex=True
        )
        x = self.matrix.T @ x.abs() ** self.exponent
        if self.top is None:
            return x
        x = 10 * torch.log10(x.clamp(min=self.least)) - self.offset
        # As in Keras, of the loudest in the whole batch.
        return torch.maximum(x, x.max() - self.top)
''',
    "STFTSpectrogram": '''
class STFTSpectrogram(nn.Module):
    """Frames of each channel of signals times waves: (n, channels, bins, frames)."""

    def __init__(self, mode: str, bins: int, length: int, step: int) -> None:
        """Make the waves, which are loaded."""
        super().__init__()
        self.mode = mode
        if mode != "imag":
            self.real = nn.Conv1d(1, bins, length, stride=step, bias=False)
        if mode != "real":
            self.imag = nn.Conv1d(1, bins, length, stride=step, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Compute what the mode asks for."""
        signals, sizes = x.flatten(0, 1).unsqueeze(1), x.shape[:2]
        if self.mode == "real":
            return self.real(signals).unflatten(0, sizes)
        imag = self.imag(signals).unflatten(0, sizes)
        if self.mode == "imag":
            return imag
        real = self.real(signals).unflatten(0, sizes)
        if self.mode == "stft":
            return torch.cat((real, imag), dim=2)
        if self.mode == "angle":
            return torch.atan2(imag, real)
        power = real.square() + imag.square()
        if self.mode == "psd":
            return power + F.pad(power[:, :, 1:-1], (0, 0, 1, 1))
        magnitude = power.clamp(min=1e-7).sqrt()
        return magnitude.log() if self.mode == "log" else magnitude
''',
}
