"""`export_model`: from a trained model to a file that other programs run."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from genrebench.errors import BackendError, ConfigError, escaped
from genrebench.model.model import Model
from genrebench.porting.export.checks import Check, make_trial
from genrebench.porting.export.keras_archive import export_keras, facts_file
from genrebench.porting.export.onnx_file import export_onnx
from genrebench.porting.export.torch_folder import export_torch
from genrebench.porting.export.web_folder import check_runtime, export_web
from genrebench.porting.port import check_place
from genrebench.system.environment import installed_version
from genrebench.system.files import StrPath
from genrebench.system.process import TIMEOUT

Format = Literal["onnx", "keras", "torch", "web"]
FORMATS: tuple[str, ...] = get_args(Format)
FOLDERS = ("torch", "web")
_NEEDS = {"onnx": ("onnx", "onnxruntime"), "keras": ("keras",), "torch": ("torch",), "web": ("onnx", "onnxruntime")}


@dataclass(frozen=True)
class Exported:
    """A model that was exported.

    Attributes
    ----------
    path : Path
        The file or folder.
    checks : list of Check
        What was compared before it was put there; all passed.
    ends : dict
        ``inputs`` and ``outputs``: shapes by name.
    """

    path: Path
    checks: list[Check]
    ends: dict[str, Any] = field(default_factory=dict)


def export_model(
    model: Model,
    path: StrPath,
    *,
    format: Format,  # noqa: A002 - the word for it
    with_frontend: bool = False,
    one_recording: bool = False,
    runtime: StrPath | None = None,
    check: Sequence[StrPath] = (),
    overwrite: bool = False,
    timeout: float = TIMEOUT,
) -> Exported:
    """Write a model for other programs, and check there that it computes the same before it is in its place.

    Parameters
    ----------
    model : Model
        A trained model.
    path : str or PathLike
        The file to write; for ``torch`` and ``web`` a folder.
    format : {'onnx', 'keras', 'torch', 'web'}
        What it becomes.
    with_frontend : bool
        For ``onnx``: whether it takes audio rather than spectrograms.
    one_recording : bool
        For ``onnx``, and a model that standardizes by the recording: whether the graph does that, over a batch that is
        one recording.
    runtime : str or PathLike, optional
        For ``web``: folder with the files of onnxruntime-web; by default where npm puts it below the working directory.
    check : sequence of str or PathLike
        Recordings that it is tried on; by default synthetic music.
    overwrite : bool
        Whether what is there may be replaced.
    timeout : float
        Seconds after which a worker is ended.

    Returns
    -------
    Exported
        Where it is, and what was compared.

    Raises
    ------
    ConfigError
        If the options do not fit each other or the model, or something is there already.
    ModelError
        If what would be written does not compute what the model does; nothing is written then.
    BackendError
        If the format's framework is not installed, or refuses.

    Examples
    --------
    >>> import genrebench as gb
    >>> exported = gb.export(gb.load("results/gtzan"), "gtzan.onnx", format="onnx")
    >>> exported.ends["outputs"]
    {'logits': ['segments', 10]}
    >>> all(check.passed for check in exported.checks)
    True
    """
    if format not in FORMATS:
        raise ConfigError(f"format: expected one of {', '.join(FORMATS)}, received {format!r}")
    if format != "onnx" and (with_frontend or one_recording):
        option = "--with-frontend" if with_frontend else "--one-recording"
        raise ConfigError(f"{option}: expected --format onnx, received {format}; other formats take the network alone")
    if format != "web" and runtime is not None:
        raise ConfigError(f"--runtime: expected --format web, received {format}")
    place = Path(os.path.abspath(path))  # noqa: PTH100 - a link in it is not followed
    if format in FOLDERS:
        check_place(place, overwrite=overwrite)
    else:
        for each in (place, facts_file(place)) if format == "keras" else (place,):
            _check_file(each, overwrite=overwrite)
    if format == "keras" and place.suffix != ".keras":
        raise ConfigError("expected a name that ends in .keras, by which Keras knows its files", path=place)
    _require_installed(format)
    files = check_runtime(runtime) if format == "web" else Path()
    trial = make_trial(model, check)
    if format == "torch":
        found = export_torch(model, place, trial, overwrite=overwrite, timeout=timeout)
    elif format == "web":
        found = export_web(model, place, trial, runtime=files, overwrite=overwrite, timeout=timeout)
    elif format == "keras":
        found = export_keras(model, place, trial, timeout=timeout)
    else:
        found = export_onnx(
            model, place, trial, with_frontend=with_frontend, one_recording=one_recording, timeout=timeout
        )
    return Exported(Path(path), *found)


def _require_installed(format: Format) -> None:  # noqa: A002 - as above
    """Refuse a format whose framework is absent, before anything is computed; Keras' plugin knows its engines."""
    absent = [name for name in _NEEDS[format] if installed_version(name) is None]
    if absent:
        raise BackendError(
            f"--format {format}: expected {' and '.join(_NEEDS[format])}, {' and '.join(absent)} not installed; "
            f"pip install {' '.join(absent)}"
        )


def _check_file(place: Path, *, overwrite: bool) -> None:
    """Refuse a file that cannot be written, before anything is computed."""
    if place.is_dir():
        raise ConfigError("expected a file to write, received a folder; name a file in it", path=place)
    if place.exists() and not overwrite:
        raise ConfigError("expected no such file yet; choose another, or add --overwrite", path=place)
    if not place.parent.is_dir():
        raise ConfigError(f"expected a folder to write to, {escaped(place.parent)} is none; make it", path=place)
