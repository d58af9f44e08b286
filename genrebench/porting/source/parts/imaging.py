"""What the written file needs for images."""

# By name; what a part itself needs stands before it.
PARTS = {
    "stretch": '''
def stretch(x: Tensor, low: float, high: float) -> Tensor:
    """Stretch each channel of (n, height, width, channels) that is not all the same."""
    least, most = x.amin(dim=(1, 2), keepdim=True), x.amax(dim=(1, 2), keepdim=True)
    span = torch.where(most > least, most - least, 1.0)
    return torch.where(most > least, (x - least) / span * (high - low) + low, x)
''',
    "crop_to_ratio": '''
def crop_to_ratio(x: Tensor, height: int, width: int) -> Tensor:
    """Cut out the middle of (n, channels, rows, columns) with a size's proportions."""
    rows, columns = x.shape[2:]
    tall = max(min(rows, int(columns * height / width)), 1)
    wide = max(min(columns, int(rows * width / height)), 1)
    top, left = (rows - tall) // 2, (columns - wide) // 2
    return x[:, :, top : top + tall, left : left + wide]
''',
    "frame_to_ratio": '''
def frame_to_ratio(x: Tensor, height: int, width: int, fill: float) -> Tensor:
    """Frame (n, channels, rows, columns) to a size's proportions."""
    rows, columns = x.shape[2:]
    tall = max(rows, int(columns * height / width))
    wide = max(columns, int(rows * width / height))
    top, left = (tall - rows) // 2, (wide - columns) // 2
    return F.pad(x, (left, left, top, top), value=fill)
''',
    "resize": '''
def resize(
    x: Tensor, height: int, width: int, method: str, antialias: bool = False
) -> Tensor:
    """Interpolate (n, channels, rows, columns) as TensorFlow does.

    Its cubic kernel has a = -0.5 where that of PyTorch has -0.75, and at the border,
    where a part of the kernel lies outside, the rest counts more.
    """
    rows = interpolation(x, x.shape[2], height, method, antialias)
    columns = interpolation(x, x.shape[3], width, method, antialias)
    return torch.einsum("pi,ncij,qj->ncpq", rows, x, columns)


def interpolation(
    x: Tensor, before: int, after: int, method: str, antialias: bool
) -> Tensor:
    """Compute how much of each old pixel is in each new one: (after, before)."""
    old, new = torch.arange(before).to(x), torch.arange(after).to(x)
    if method == "area":
        end = torch.minimum((new[:, None] + 1) * before / after, old + 1)
        return (end - torch.maximum(new[:, None] * before / after, old)).clamp(
            min=0.0
        ) * (after / before)
    scale = max(before / after, 1.0) if antialias else 1.0
    d = (old + 0.5 - (new[:, None] + 0.5) * before / after).abs() / scale
    if method == "bilinear":
        weights = (1 - d).clamp(min=0.0)
    elif method == "gaussian":
        weights = torch.exp(-2 * d.square()) * (d <= 1.5)
    elif method in ("lanczos3", "lanczos5"):
        radius = 3 if method == "lanczos3" else 5
        weights = torch.sinc(d) * torch.sinc(d / radius) * (d <= radius)
    else:
        b, c = (0.0, 0.5) if method == "bicubic" else (1 / 3, 1 / 3)
        inner = (12 - 9 * b - 6 * c) * d**3 + (-18 + 12 * b + 6 * c) * d**2 + 6 - 2 * b
        outer = (-b - 6 * c) * d**3 + (6 * b + 30 * c) * d**2
        outer = outer + (-12 * b - 48 * c) * d + 8 * b + 24 * c
        weights = torch.where(d < 1, inner, torch.where(d < 2, outer, 0.0)) / 6
    return weights / weights.sum(dim=1, keepdim=True)
''',
    "center_crop": '''
def center_crop(x: Tensor, height: int, width: int) -> Tensor:
    """Cut out the middle of (n, channels, rows, columns), enlarged if it is small."""
    top, left = x.shape[2] - height, x.shape[3] - width
    if top >= 0 and left >= 0:
        top, left = top // 2, left // 2
        return x[:, :, top : top + height, left : left + width]
    x = crop_to_ratio(x, height, width)
    return F.interpolate(x, size=(height, width), mode="bilinear")
''',
}
