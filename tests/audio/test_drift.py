"""Libraries that compute other spectrograms than those of this version are named."""

from collections.abc import Iterator

import numpy as np
import pytest
import soxr

from genrebench.audio import drift, mel


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Compare anew in each test, and after them."""
    drift.library_drift.cache_clear()
    yield
    drift.library_drift.cache_clear()


def test_these_libraries_make_the_golden_spectrogram() -> None:
    """Those of requirements.txt, on any processor."""
    assert drift.library_drift() is None


def test_another_resampler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name and version, with how far off it is; the others are not."""
    whole = soxr.ResampleStream
    monkeypatch.setattr(soxr, "ResampleStream", lambda *args, **kwargs: whole(*args, quality="LQ", **kwargs))
    message = drift.library_drift()
    assert message is not None
    assert "soxr" in message
    assert "of full scale" in message
    assert "librosa" not in message


def test_other_mel_filters_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth more in one band is enough."""
    bank = mel.filter_bank(drift._CONFIG) * np.float32(1)
    bank.data[bank.indptr[5] : bank.indptr[6]] *= 1.01
    monkeypatch.setattr(mel, "filter_bank", lambda config: bank)
    message = drift.library_drift()
    assert message is not None
    assert "librosa" in message
    assert "numpy" in message
    assert "soxr" not in message
