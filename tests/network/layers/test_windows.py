"""Padding and the number of windows, brute force."""

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.network.layers import same_padding
from genrebench.network.layers.windows import Windows, count_windows


@pytest.mark.parametrize("size", range(1, 41))
def test_same_padding_is_the_least_that_gives_every_window(size: int) -> None:
    """The least padding that leaves ceil(size / stride) windows, the odd one high."""
    for window in range(1, 6):
        for stride in range(1, 5):
            low, high = same_padding(size, window, stride)
            wanted = -(-size // stride)
            enough = [pad for pad in range(20) if size + pad >= (wanted - 1) * stride + window]
            assert (low + high, high - low) == (enough[0], enough[0] % 2)


def test_as_many_windows_are_counted_as_there_are() -> None:
    """For both paddings, the count is the shape of the view; a window larger than the input is refused."""
    for height in range(3, 9):
        for padding in ("valid", "same"):
            x = np.zeros((1, height, 7, 2))
            count = count_windows("pool", x.shape[1:], (3, 2), (2, 3), padding)
            view = Windows(x, (3, 2), (2, 3), padding, fill=0.0).view()
            assert view.shape == (1, *count, 3, 2, 2)
    with pytest.raises(ConfigError, match="pool: expected an input of at least 3 x 2, received 2 x 7"):
        count_windows("pool", (2, 7, 1), (3, 2), (1, 1), "valid")


def test_windows_can_be_looked_through_in_two_ways() -> None:
    """A position of all windows is the same in the view and by its index; cropping undoes the padding."""
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3))
    windows = Windows(x, (3, 2), (2, 3), "same", fill=7.0)
    for i, j, index in windows.positions():
        np.testing.assert_array_equal(windows.padded[index], windows.view()[:, :, :, i, j])
    np.testing.assert_array_equal(windows.crop(windows.padded), x)
    assert (windows.padded == 7).sum() == windows.padded.size - x.size > 0
