"""Augmentation: each alteration against its definition, written out in loops."""

from typing import Any

import numpy as np
import pytest

from genrebench.errors import ConfigError
from genrebench.training import AugmentSettings
from genrebench.training.augment import (
    Augmenter,
    deviation_left,
    mixed,
    random_masks,
    shifted_bands,
    smooth_gain,
    smoothed,
    stretched_positions,
    take,
)

BANDS, FRAMES = 6, 8
INPUTS = np.random.default_rng(0).normal(0, 1, (9, BANDS, FRAMES, 1)).astype(np.float32)
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
# Segment 3 is held out, and so parts its track.
RUNS = [np.array([0, 1, 2]), np.array([4, 5, 6]), np.array([7, 8])]
TRAINED = np.concatenate(RUNS)


def altered_by(**settings: Any) -> AugmentSettings:
    """Ask for some alterations and for no others."""
    return AugmentSettings(**{"crops": 0, "gain": 0.0, "mixup": 0.0, "fade": 0.0, **settings})


def batches(batch_size: int = 4, seed: int = 0, order: Any = TRAINED, **settings: Any) -> list[Any]:
    """Make the batches of an epoch."""
    augmenter = Augmenter(altered_by(**settings), INPUTS, LABELS, RUNS, 3)
    return list(augmenter.batches(order, batch_size, np.random.default_rng(seed)))


def joined(run: Any) -> Any:
    """Join the segments of a run [shape=(n_mels, frames)]."""
    return np.concatenate([INPUTS[index, :, :, 0] for index in run], axis=1)


def test_crops_are_pieces_of_the_track_from_anywhere_in_it() -> None:
    """Every beginning occurs, about equally often, and no held-out segment is ever seen."""
    seen = np.zeros((3, 17), int)
    for seed in range(200):
        for x, y in batches(seed=seed, crops=1):
            assert (x.shape[1:], x.dtype, y.dtype) == ((BANDS, FRAMES, 1), np.float32, np.int64)
            for window, label in zip(x[..., 0], y, strict=True):
                track = joined(RUNS[label])
                starts = [s for s in range(track.shape[1] - 7) if np.array_equal(track[:, s : s + 8], window)]
                seen[label, starts[0]] += 1
    assert seen[:2].min() > 15
    assert seen[2, :9].min() > 15
    assert seen[2, 9:].sum() == 0


def test_a_seed_repeats_an_epoch() -> None:
    """The same bits; and other ones with another seed."""
    options: dict[str, Any] = {"crops": 1, "stretch": 0.2, "shift": 1, "gain": 0.5, "frequency_mask": 2}
    options |= {"time_mask": 2, "mixup": 0.4, "smoothing": 0.1}
    first, again, other = (batches(seed=seed, **options) for seed in (1, 1, 2))
    for (x, y), (x2, y2), (x3, _) in zip(first, again, other, strict=True):
        assert (x.dtype, y.dtype) == (np.float32, np.float32)
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)
        assert not np.array_equal(x, x3)


def test_without_crops_segments_are_themselves() -> None:
    """What smoothing alone changes is the labels."""
    (x, y), *_ = batches(smoothing=0.3)
    np.testing.assert_array_equal(x, INPUTS[TRAINED[:4]])
    np.testing.assert_allclose(y[0], [0.8, 0.1, 0.1], rtol=1e-6)


def test_windows_are_taken_frame_by_frame_and_band_by_band() -> None:
    """Between two frames, linearly, across the border of segments."""
    positions = np.array([[0.0, 0.5, 7.25, 9.0], [8.0, 8.75, 15.5, 23.0]])
    rows = np.array([[0, 0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5]])
    found = take(INPUTS[..., 0], np.array([4, 0]), positions, rows)
    for i, run in enumerate((RUNS[1], RUNS[0])):
        track = joined(run).astype(np.float64)
        for band in range(BANDS):
            for k, position in enumerate(positions[i]):
                expected = np.interp(position, np.arange(track.shape[1]), track[rows[i, band]])
                assert found[i, band, k] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    whole = take(INPUTS[..., 0], np.array([4]), np.array([[3, 4, 12]]), rows[1:])
    np.testing.assert_array_equal(whole[0], joined(RUNS[1])[:, [3, 4, 12]])


def test_stretched_windows_are_evenly_spaced_and_stay_in_their_part() -> None:
    """As an interpolation with half-frame centers does, which is exact for equal lengths."""
    found = stretched_positions(np.array([2.0, 3.0, 0.0]), np.array([8.0, 12.0, 5.0]), 8)
    np.testing.assert_allclose(found[0], np.arange(2, 10))
    np.testing.assert_allclose(np.diff(found[1]), 1.5)
    assert found[1, 0] == 3.25
    assert (found[2].min(), found[2].max()) == (0.0, 4.0)
    for crops in (0, 1):
        for x, _ in batches(stretch=0.7, crops=crops):
            assert np.isfinite(x).all()
            assert np.abs(x).max() <= np.abs(INPUTS).max()


def test_a_segment_is_stretched_about_its_middle_unless_crops_are_taken() -> None:
    """The mean position of the middle segment's frames stays where it is."""
    augmenter = Augmenter(altered_by(stretch=0.5), INPUTS, LABELS, RUNS, 3)
    positions = augmenter._positions(np.full(200, 5), np.random.default_rng(0))
    np.testing.assert_allclose(positions.mean(axis=1), 11.5)
    factors = np.log(positions[:, 4] - positions[:, 3])
    assert -0.5 <= factors.min() < -0.4
    assert 0.4 < factors.max() <= 0.5


def test_a_shift_repeats_the_outermost_band() -> None:
    """Up by two, not at all, down by one; drawn evenly from both sides."""
    np.testing.assert_array_equal(shifted_bands(4, np.array([2, 0, -1])), [[0, 0, 0, 1], [0, 1, 2, 3], [1, 2, 3, 3]])
    found = {
        shift
        for seed in range(40)
        for x, _ in batches(seed=seed, shift=1, order=np.array([4]))
        for shift in (-1, 0, 1)
        if np.array_equal(x[0, ..., 0], INPUTS[4, np.clip(np.arange(BANDS) - shift, 0, BANDS - 1), :, 0])
    }
    assert found == {-1, 0, 1}


def test_the_gain_is_interpolated_between_knots_and_constant_in_time() -> None:
    """As `numpy.interp` does; its deviation at the knots is what was asked for."""
    values = np.random.default_rng(0).normal(0, 1, (5, 4))
    found = smooth_gain(values, 11)
    for row, knots in zip(found, values, strict=True):
        np.testing.assert_allclose(row, np.interp(np.arange(11), np.linspace(0, 10, 4), knots), rtol=1e-5, atol=1e-6)
    gains = np.concatenate([x - INPUTS[[4, 5]] for s in range(500) for x, _ in batches(seed=s, gain=0.5, order=[4, 5])])
    np.testing.assert_allclose(np.ptp(gains, axis=2), 0, atol=1e-6)
    assert gains[:, [0, -1], 0].std() == pytest.approx(0.5, rel=0.1)


def test_masks_are_one_piece_of_a_random_width_at_a_random_place() -> None:
    """Widths from 0 to the widest, each about equally often; every place is masked at some time."""
    masks = random_masks(3000, 7, 3, np.random.default_rng(0))
    widths = masks.sum(axis=1)
    assert (np.abs(np.diff(np.pad(masks, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1) == 2 * (widths > 0)).all()
    assert np.bincount(widths).tolist() == pytest.approx([750] * 4, rel=0.15)
    assert masks.any(axis=0).all()
    for settings, axis in (({"frequency_mask": BANDS}, 2), ({"time_mask": FRAMES}, 1)):
        x = np.concatenate([x for seed in range(20) for x, _ in batches(seed=seed, **settings)])[..., 0]
        original = np.concatenate([INPUTS[TRAINED]] * 20)[..., 0]
        zero = (x == 0).all(axis=axis, keepdims=True)
        np.testing.assert_array_equal(x, np.where(zero, 0, original))
        assert 0.2 < zero.mean() < 0.6


def test_mixtures_weigh_windows_and_genres_alike() -> None:
    """The larger share is the window's own; shares are drawn from the beta distribution."""
    share = np.array([0.75, 0.5])
    np.testing.assert_allclose(
        mixed(INPUTS[:2], share, INPUTS[1::-1])[0], 0.75 * INPUTS[0] + 0.25 * INPUTS[1], rtol=1e-6
    )
    own = []
    for seed in range(300):
        for x, y in batches(seed=seed, mixup=0.4, batch_size=9, order=np.array([0, 4, 7])):
            np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
            np.testing.assert_allclose(np.einsum("nc,chwx->nhwx", y, INPUTS[[0, 4, 7]]), x, rtol=1e-4, atol=1e-5)
            own += y.max(axis=1).tolist()
    drawn = np.random.default_rng(5).beta(0.4, 0.4, 20000)
    # A third of the permutations leave a row where it is.
    assert np.mean(own) == pytest.approx(1 / 3 + 2 / 3 * np.maximum(drawn, 1 - drawn).mean(), abs=0.02)


@pytest.mark.parametrize("power", [-1.0, 1.0, 2.5])
def test_mixtures_fade_by_a_power_of_the_deviation_that_they_have_left(power: float) -> None:
    """At -1 mixtures of noise have the deviation of noise; genres are mixed as without it."""
    share = np.array([0.5, 0.7, 1.0])
    noise = np.random.default_rng(0).normal(size=(2, 3, 100_000)).astype(np.float32)
    left = mixed(noise[0], share, noise[1]) * deviation_left(share, power)[:, np.newaxis]
    np.testing.assert_allclose(left.std(axis=1), (share**2 + (1 - share) ** 2) ** ((1 + power) / 2), rtol=0.02)
    options: dict[str, Any] = {"mixup": 0.4, "batch_size": 9, "order": np.array([0, 4, 7])}
    for seed in range(20):
        ((plain, genres),) = batches(seed=seed, **options)
        ((faded, same),) = batches(seed=seed, fade=power, **options)
        np.testing.assert_array_equal(same, genres)
        ratio = faded / plain
        np.testing.assert_allclose(ratio, ratio[:, :1, :1] * np.ones_like(ratio), rtol=1e-4)
        own = genres.max(axis=1)  # 1 where a window is mixed with itself
        np.testing.assert_allclose(ratio[:, 0, 0, 0], np.hypot(own, 1 - own) ** power, rtol=1e-4)


def test_smoothing_spreads_a_share_over_all_genres() -> None:
    """The sum stays 1."""
    found = smoothed(np.array([[1, 0, 0, 0]], np.float32), 0.2)
    np.testing.assert_allclose(found, [[0.85, 0.05, 0.05, 0.05]], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shift": 6}, "augment.shift: expected at most 5 with spectrograms of 6 x 8, received 6"),
        ({"frequency_mask": 7}, "augment.frequency_mask: expected at most 6"),
        ({"time_mask": 9}, "augment.time_mask: expected at most 8"),
        ({"gain": 0.1, "gain_knots": 7}, "augment.gain_knots: expected at most 6"),
    ],
)
def test_what_does_not_fit_the_spectrograms_is_refused(settings: dict[str, Any], message: str) -> None:
    """With the setting and the size of the data."""
    with pytest.raises(ConfigError, match=message):
        batches(**settings)


def test_augmentation_is_off_unless_something_is_asked_for() -> None:
    """The number of knots alone does nothing, nor does fading alone."""
    assert not altered_by(gain_knots=3, fade=1.0).on
    assert all(each.on for each in (altered_by(crops=1), altered_by(shift=1), altered_by(mixup=0.1)))
