"""The synthetic recordings: repeatable, varied, sound as files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrebench.audio.synthesis.render import GENRES, synthesize, write_recordings
from genrebench.errors import ConfigError

GTZAN = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")


def test_the_genres_are_those_of_gtzan() -> None:
    """The names are GTZAN's, in its order."""
    assert GENRES == GTZAN


@pytest.mark.parametrize("genre", GTZAN)
def test_the_same_seed_gives_the_same_recording(genre: str) -> None:
    """A recording depends on its arguments alone, not on what was rendered before."""
    first = synthesize(genre, seed=5, duration=2.0)
    synthesize(genre, seed=6, duration=1.0)
    np.testing.assert_array_equal(synthesize(genre, seed=5, duration=2.0), first)


@pytest.mark.parametrize("genre", GTZAN)
@pytest.mark.parametrize("sample_rate", [16000, 22050])
def test_every_genre_sounds_without_clipping(genre: str, sample_rate: int) -> None:
    """Samples are finite, audible throughout, of the asked length, and stay clear of full scale."""
    for seed in range(3):
        samples = synthesize(genre, seed=seed, duration=6.1, sample_rate=sample_rate)
        assert samples.dtype == np.float32
        assert samples.shape == (round(6.1 * sample_rate),)
        assert np.isfinite(samples).all()
        assert 0.19 < np.abs(samples).max() < 0.86
        for third in np.array_split(samples, 3):
            assert third.std() > 0.005


def test_no_two_recordings_are_alike() -> None:
    """No genre and seed repeats another's recording, not even at another loudness."""
    takes = [synthesize(genre, seed=seed, duration=3.0) for genre in GENRES for seed in range(6)]
    similarity = np.abs(np.corrcoef(takes))
    np.fill_diagonal(similarity, 0)
    assert similarity.max() < 0.9


@pytest.mark.parametrize("duration", [1e-9, 0.001, 0.05])
def test_a_very_short_recording_is_still_one(duration: float) -> None:
    """Even a single sample comes out finite."""
    for genre in GENRES:
        samples = synthesize(genre, seed=0, duration=duration)
        assert len(samples) == max(1, round(duration * 22050))
        assert np.isfinite(samples).all()


def test_an_unknown_genre_is_refused_with_the_known_ones() -> None:
    """The message says what was asked for and what there is."""
    with pytest.raises(ConfigError, match="polka") as refusal:
        synthesize("polka", seed=0, duration=1.0)
    assert all(genre in str(refusal.value) for genre in GENRES)


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan"), float("inf")])
def test_a_duration_that_is_not_positive_is_refused(duration: float) -> None:
    """Zero, negative, infinite and undefined durations are no recordings."""
    with pytest.raises(ConfigError, match="duration"):
        synthesize("jazz", seed=0, duration=duration)


@pytest.mark.parametrize("sample_rate", [0, -22050])
def test_a_sample_rate_that_is_not_positive_is_refused(sample_rate: int) -> None:
    """The message names the sample rate."""
    with pytest.raises(ConfigError, match="sample_rate"):
        synthesize("jazz", seed=0, duration=1.0, sample_rate=sample_rate)


def test_a_negative_seed_is_refused() -> None:
    """The message names the seed."""
    with pytest.raises(ConfigError, match="seed"):
        synthesize("jazz", seed=-1, duration=1.0)


def test_files_are_named_as_in_gtzan_and_hold_16_bits(tmp_path: Path) -> None:
    """Each genre has a folder of numbered mono recordings, listed in order."""
    paths = write_recordings(tmp_path / "new" / "set", tracks_per_genre=2, duration=1.5, seed=0, sample_rate=16000)
    expected = [f"{genre}/{genre}.{track:05d}.wav" for genre in GENRES for track in range(2)]
    assert [path.relative_to(tmp_path / "new" / "set").as_posix() for path in paths] == expected
    for path in paths:
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)
        assert (info.samplerate, info.frames) == (16000, 24000)
        assert soundfile.read(path)[0].std() > 0.005


def test_files_repeat_with_their_seed_and_only_with_it(tmp_path: Path) -> None:
    """The same seed writes the same bytes; neighboring seeds share no recording."""
    sets = {
        name: [
            path.read_bytes() for path in write_recordings(tmp_path / name, tracks_per_genre=3, duration=0.5, seed=seed)
        ]
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    }
    assert sets["first"] == sets["again"]
    assert len(set(sets["first"] + sets["other"])) == 60


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("tracks_per_genre", {"tracks_per_genre": 0, "duration": 1.0, "seed": 0}),
        ("duration", {"tracks_per_genre": 1, "duration": 0.0, "seed": 0}),
        ("seed", {"tracks_per_genre": 1, "duration": 1.0, "seed": -1}),
    ],
)
def test_nothing_is_written_for_wrong_numbers(tmp_path: Path, name: str, arguments: dict[str, int]) -> None:
    """The message names the number, and no folder is left behind."""
    with pytest.raises(ConfigError, match=name):
        write_recordings(tmp_path / "set", **arguments)
    assert not (tmp_path / "set").exists()
