"""Recordings in blocks and windows: the same for a whole track, a stream, a short recording and a long one."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from genrebench.audio.blocks import cut_windows, standardize_recording, standardize_tracks, window_spans
from genrebench.audio.standardize import AnyStandardizer, Standardizer, TrackBandStandardizer, TrackStandardizer

RNG = np.random.default_rng(0)
SEGMENTS = RNG.normal(-40, 15, (25, 6, 8)).astype(np.float32)
STANDARDIZERS = (Standardizer(-40.0, 15.0), TrackStandardizer(), TrackBandStandardizer(0.5))


@pytest.mark.parametrize("standardizer", STANDARDIZERS, ids=lambda each: each.kind)
@pytest.mark.parametrize("count", [1, 9, 10, 20, 25])
def test_a_recording_is_taken_in_blocks_of_trainings_length(standardizer: AnyStandardizer, count: int) -> None:
    """Each block by its own statistics; those of a shorter last one come from the whole block that ends with it."""
    segments = SEGMENTS[:count]
    expected = np.empty_like(segments)
    for start in range(0, count, 10):
        end = min(start + 10, count)
        around = segments[max(0, end - 10) : end]
        expected[start:end] = standardizer.apply(segments[start:end], around=around)
    for sizes in ([count], [1] * count, [7] * (count // 7) + [count % 7]):
        batches = np.split(segments, np.cumsum(sizes)[:-1])
        found = np.concatenate(list(standardize_recording(standardizer, batches, block=10)))
        np.testing.assert_array_equal(found, expected)


def test_a_track_that_is_one_block_has_mean_zero_in_each_band() -> None:
    """So training, where a track is a block, sees what inference sees; another block size would not."""
    found = np.concatenate(list(standardize_recording(TrackBandStandardizer(0.5), [SEGMENTS], block=25)))
    np.testing.assert_allclose(found.mean(axis=(0, 2)), 0, atol=1e-5)
    other = np.concatenate(list(standardize_recording(TrackBandStandardizer(0.5), [SEGMENTS], block=10)))
    assert np.abs(other - found).max() > 0.01


def test_memory_does_not_grow_with_the_recording() -> None:
    """Two thousand segments, made one by one, are never together in memory."""

    def segments() -> Iterator[np.ndarray]:
        """Make the segments."""
        for _ in range(2000):
            yield RNG.normal(0, 1, (1, 32, 16)).astype(np.float32)

    tracemalloc.start()
    for _ in standardize_recording(TrackBandStandardizer(0.5), segments(), block=10, overlap=0.5):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 32 * 16 * 4


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
def test_windows_go_from_the_beginning_to_the_end(overlap: float) -> None:
    """Each is a piece of the joined segments, and neighbors share at least what was asked for, and not much more."""
    joined = SEGMENTS.transpose(1, 0, 2).reshape(6, 200)
    windows = cut_windows(SEGMENTS, overlap)
    starts = [next(start for start in range(193) if np.array_equal(joined[:, start : start + 8], w)) for w in windows]
    assert (starts[0], starts[-1]) == (0, 192)
    steps = np.diff(starts)
    assert steps.max() <= np.ceil(8 * (1 - overlap))
    assert steps.mean() == pytest.approx(8 * (1 - overlap), rel=0.1)
    assert len(cut_windows(SEGMENTS[:1], overlap)) == 1


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("count", [1, 9, 10, 25])
def test_every_window_has_its_place_in_the_recording(count: int, overlap: float) -> None:
    """As many spans as windows; each is where the window's frames come from, or most do where silence lies between."""
    places = [number + (number > 4) for number in range(count)]  # the fifth of the recording's seconds is silent
    spans = [(float(place), place + 1.0) for place in places]
    seconds = np.concatenate([np.linspace(start, end, 8, endpoint=False, dtype=np.float32) for start, end in spans])
    segments = seconds.reshape(count, 1, 8)
    blocks = [segments[first : first + 10] for first in range(0, count, 10)]
    windows = np.concatenate([cut_windows(block, overlap) for block in blocks])
    found = window_spans(spans, frames=8, block=10, overlap=overlap)
    assert len(found) == len(windows)
    for (start, end), times in zip(found, windows[:, 0], strict=True):
        before, after = times[times < 5.5], times[times > 5.5]
        side = before if len(before) >= len(after) else after
        assert [start, end] == pytest.approx([side[0], side[-1] + 1 / 8])


def test_a_window_ends_where_the_recording_ends() -> None:
    """What was padded after it has no time; without segments there are no windows."""
    spans = [(0.0, 3.0), (3.0, 5.0)]
    assert window_spans(spans, frames=6, block=None, overlap=0.5) == [(0.0, 3.0), (1.5, 4.5), (3.0, 5.0)]
    assert window_spans([], frames=6, block=None, overlap=0.5) == []


def test_windows_without_overlap_are_the_segments() -> None:
    """Nothing is copied, so nothing changes."""
    assert cut_windows(SEGMENTS, 0.0) is SEGMENTS


@pytest.mark.parametrize("standardizer", STANDARDIZERS, ids=lambda each: each.kind)
def test_a_tree_is_standardized_as_its_recordings_are(standardizer: AnyStandardizer) -> None:
    """Track by track, whatever their order, in place or not; without tracks each segment is a recording."""
    tracks = np.array(["b"] * 11 + ["a"] * 9 + ["c"] * 5)
    expected = np.concatenate(
        [
            each
            for track in ("b", "a", "c")
            for each in standardize_recording(standardizer, [SEGMENTS[tracks == track]], block=10)
        ]
    )
    np.testing.assert_array_equal(standardize_tracks(standardizer, SEGMENTS, tracks, block=10), expected)
    values = SEGMENTS.copy()
    standardize_tracks(standardizer, values, tracks, block=10, out=values)
    np.testing.assert_array_equal(values, expected)
    alone = np.concatenate([standardizer.apply(SEGMENTS[index : index + 1]) for index in range(25)])
    np.testing.assert_array_equal(standardize_tracks(standardizer, SEGMENTS, None, block=10), alone)
    assert standardize_tracks(standardizer, SEGMENTS[:0], tracks[:0], block=10).shape == (0, 6, 8)
