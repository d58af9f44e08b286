"""A model as one file of ONNX, written and run by the ONNX plugin in its worker, and checked here."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.audio.mel import FLOOR_DB, MIN_POWER, MelConfig, filter_bank
from genrebench.audio.standardize import ROUNDING
from genrebench.backend.worker import run_job
from genrebench.errors import ConfigError, ModelError
from genrebench.model.model import Model
from genrebench.network.types import Array
from genrebench.porting.export.checks import Check, Trial, check_logits, check_spectrograms, part
from genrebench.porting.export.facts import facts
from genrebench.system.files import write_atomically
from genrebench.system.process import TIMEOUT

# What the first axis is called.
ANY, ONE = "segments", "segments_of_one_recording"


def export_onnx(
    model: Model,
    path: Path,
    trial: Trial,
    *,
    with_frontend: bool = False,
    one_recording: bool = False,
    timeout: float = TIMEOUT,
) -> tuple[list[Check], dict[str, Any]]:
    """Write a model as ONNX, once ONNX Runtime has given what the reference gives.

    Parameters
    ----------
    path : Path
        The file; replaced if it is there.
    trial : Trial
        What it is tried on.
    with_frontend : bool
        Whether it takes audio rather than spectrograms.
    one_recording : bool
        Whether a batch is one recording, by which the graph standardizes.
    timeout : float
        Seconds after which the worker is ended.

    Returns
    -------
    list of Check
        What was compared; all passed.
    dict
        ``inputs`` and ``outputs`` of the graph: shapes by name.

    Raises
    ------
    ConfigError
        If the options do not fit the model.
    ModelError
        If the file would not compute what the model does.
    WorkerError
        If it cannot be written, or ONNX Runtime does not run it.
    """
    by_recording = model.standardizer.by_recording
    _check_options(model, by_recording, with_frontend=with_frontend, one_recording=one_recording)
    inside = one_recording or not by_recording
    standardized = [model.standardizer.apply(each) for each in trial.spectrograms]
    batches = trial.audio if with_frontend else trial.spectrograms if inside else standardized
    arrays: dict[str, Array] = {f"weights/{name}": value for name, value in model.weights.items()}
    arrays |= {f"inputs/{number}": each for number, each in enumerate(batches)}
    options: dict[str, Any] = {
        "architecture": model.architecture.to_json(),
        "standardizer": {**facts(model)["standardizer"], "rounding": ROUNDING} if inside else None,
        "mel": None,
        "batch": ONE if one_recording else ANY,
        "metadata": {name: json.dumps(value) for name, value in facts(model).items()},
    }
    if with_frontend and model.mel is not None:
        arrays |= _constants(model.mel)
        options |= _settings(model.mel)
    done = run_job("genrebench_onnx.writing:write", arrays=arrays, options=options, name="onnx", timeout=timeout)
    checks = []
    if with_frontend:
        spectrograms = part(done.arrays, "spectrogram")
        checks.append(check_spectrograms(trial, spectrograms).require(path))
        # What the network makes of its own spectrograms; those have been compared.
        standardized = [model.standardizer.apply(spectrograms[str(number)]) for number in range(len(batches))]
    checks.append(check_logits(model, trial, part(done.arrays, "logits"), standardized).require(path))
    write_atomically(path, done.arrays["model"].tobytes())
    return checks, done.value


def export_front_end(mel: MelConfig, path: Path, trial: Trial, *, timeout: float = TIMEOUT) -> Check:
    """Write what turns audio into spectrograms as ONNX, without a network.

    Parameters
    ----------
    mel : MelConfig
        How recordings become spectrograms.
    path : Path
        The file; replaced if it is there.
    trial : Trial
        What it is tried on.
    timeout : float
        Seconds after which the worker is ended.

    Returns
    -------
    Check
        What was compared; it passed.

    Raises
    ------
    ModelError
        If the file would not compute what librosa does.
    WorkerError
        If it cannot be written, or ONNX Runtime does not run it.
    """
    arrays = {f"inputs/{number}": each for number, each in enumerate(trial.audio)} | _constants(mel)
    options = {
        **_settings(mel),
        "shape": mel.shape,
        "batch": ANY,
        "metadata": {"mel": json.dumps(dataclasses.asdict(mel))},
    }
    name = "genrebench_onnx.writing:write_front_end"
    done = run_job(name, arrays=arrays, options=options, name="onnx", timeout=timeout)
    check = check_spectrograms(trial, part(done.arrays, "spectrogram")).require(path)
    write_atomically(path, done.arrays["model"].tobytes())
    return check


def _check_options(model: Model, by_recording: bool, *, with_frontend: bool, one_recording: bool) -> None:
    """Refuse options that do not fit the model."""
    kind = model.standardizer.kind
    if with_frontend and model.mel is None:
        raise ModelError(
            "--with-frontend: expected a model that knows its Mel settings, received one that was trained on another "
            "program's spectrograms",
            path=model.folder or "model",
        )
    if one_recording and not by_recording:
        raise ConfigError(
            f"--one-recording: expected a model that standardizes by the recording, received one of kind {kind}; leave "
            "the option out"
        )
    if with_frontend and by_recording and not one_recording:
        raise ConfigError(
            f"--with-frontend: expected --one-recording beside it, since the model standardizes by the recording "
            f"({kind}): a batch is then the segments of one recording"
        )


def _settings(mel: MelConfig) -> dict[str, Any]:
    """Say what the front end does."""
    settings = {"n_fft": mel.n_fft, "hop_length": mel.hop_length, "min_power": MIN_POWER, "floor_db": FLOOR_DB}
    return {"samples": mel.segment_samples, "mel": settings}


def _constants(mel: MelConfig) -> dict[str, Array]:
    """Make the constants of the front end, as librosa does."""
    from scipy.signal import get_window

    filters = filter_bank(mel).toarray().astype(np.float32)
    return {"window": get_window("hann", mel.n_fft), "filters": filters}
