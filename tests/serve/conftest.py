"""A small model, a server of it, and recordings to send."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

from genrebench.audio.standardize import Standardizer
from genrebench.audio.synthesis.render import synthesize
from genrebench.model.model import Model
from genrebench.network.genre_cnn import genre_cnn
from genrebench.serve.limits import Limits
from tests.conftest import GENRES, SMALL

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

# Enough for a recording of eight segments; small enough to be exceeded by little.
LIMITS = Limits(max_megabytes=1, max_seconds=5.0, workers=1, waiting=1, upload_seconds=5.0)


def small_model() -> Model:
    """Make an untrained model that needs no framework."""
    architecture = genre_cnn(SMALL.shape, len(GENRES))
    return Model(
        architecture=architecture,
        weights=architecture.initial_weights(0),
        mel=SMALL,
        standardizer=Standardizer(-40.0, 20.0),
        genres=GENRES,
        backend="numpy",
    )


@pytest.fixture(scope="package", autouse=True)
def forgotten_imports() -> None:
    """Have servers import what they need once for all recordings, whatever tests before them have started."""
    from multiprocessing import forkserver

    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a recording of four seconds."""
    path = tmp_path_factory.mktemp("songs") / "song.wav"
    soundfile.write(path, synthesize("disco", seed=1, duration=4.0, sample_rate=8000), 8000)
    return path


@pytest.fixture(scope="module")
def client() -> "Iterator[TestClient]":
    """Start a server in this process."""
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx2")
    from fastapi.testclient import TestClient

    from genrebench.serve.app import create_app
    from genrebench.serve.guard import LOCAL_HOSTS

    app = create_app(small_model(), LIMITS, hosts=(*LOCAL_HOSTS, "testserver"))
    with TestClient(app) as started:
        yield started
