"""A model as a page that runs it in the browser: the page of `genrebench serve`, two ONNX files and onnxruntime-web."""

import html
import secrets
import shutil
from pathlib import Path
from typing import Any

from genrebench.audio.decode import CANCELED, CLICKS, SILENCE, SLACK_SECONDS
from genrebench.audio.standardize import ROUNDING
from genrebench.errors import ConfigError, ModelError, escaped
from genrebench.model.model import Model
from genrebench.porting.export.checks import Check, Trial
from genrebench.porting.export.facts import facts
from genrebench.porting.export.onnx_file import export_front_end, export_onnx
from genrebench.porting.port import check_place, publish
from genrebench.serve.page import IN_BROWSER, NONCE, STATIC, policy, render_page
from genrebench.system.files import StrPath, write_json
from genrebench.system.process import TIMEOUT
from genrebench.system.temporary import temporary_folder

# Where npm puts it, and what the page needs of it.
RUNTIME = Path("node_modules/onnxruntime-web/dist")
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
PAGE, FACTS, FILES = "index.html", "about.json", "static"
FRONT_END, NETWORK = "front_end.onnx", "network.onnx"
_WHERE = "Recordings stay in this browser, which runs the model itself, by onnxruntime-web (MIT)"
_WITHOUT_SCRIPT = "The model runs in the browser."


def check_runtime(runtime: StrPath | None) -> Path:
    """Find the files of onnxruntime-web.

    Parameters
    ----------
    runtime : str or PathLike, optional
        The folder that has them; by default where npm puts it below the working directory.

    Raises
    ------
    ConfigError
        If one is missing.
    """
    folder = RUNTIME if runtime is None else Path(runtime)
    absent = [name for name in RUNTIME_FILES if not (folder / name).is_file()]
    if absent:
        raise ConfigError(
            f"expected onnxruntime-web, {escaped(folder)} has no {absent[0]}; npm install onnxruntime-web, or name its "
            "folder dist by --runtime"
        )
    return folder


def export_web(
    model: Model,
    place: Path,
    trial: Trial,
    *,
    runtime: Path,
    overwrite: bool = False,
    timeout: float = TIMEOUT,
) -> tuple[list[Check], dict[str, Any]]:
    """Write a folder that any web server can give out as it is.

    Parameters
    ----------
    place : Path
        The folder; all files appear at once, or none does.
    trial : Trial
        What both ONNX files are tried on.
    runtime : Path
        As of `check_runtime`.
    overwrite : bool
        Whether an earlier one there may be replaced; other files stay.
    timeout : float
        Seconds after which a worker is ended.

    Returns
    -------
    list of Check
        What was compared; all passed.
    dict
        ``inputs`` and ``outputs`` of the network: shapes by name.

    Raises
    ------
    ConfigError
        If the folder holds something already.
    ModelError
        If the model does not know its Mel settings, or a file would not compute what it does.
    WorkerError
        If ONNX Runtime does not run it.
    """
    check_place(place, overwrite=overwrite)
    if model.mel is None:
        raise ModelError(
            "--format web: expected a model that knows its Mel settings, received one of spectrograms",
            path=model.folder or "model",
        )
    with temporary_folder("export") as work:
        spectrograms = export_front_end(model.mel, work / FRONT_END, trial, timeout=timeout)
        logits, ends = export_onnx(model, work / NETWORK, trial, timeout=timeout)
        about = facts(model) | {
            "model": model.folder.name if model.folder else place.name,
            "shape": model.mel.shape,
            "input": next(iter(ends["inputs"])),
            "listening": {
                "segment_samples": model.mel.segment_samples,
                "silence": SILENCE,
                "clicks": CLICKS,
                "canceled": CANCELED,
                "slack_seconds": SLACK_SECONDS,
                "rounding": ROUNDING,
            },
        }
        write_json(work / FACTS, about, durable=False)
        _write_page(work, runtime)
        publish(work, place, names=(PAGE, FACTS, FILES, FRONT_END, NETWORK), overwrite=overwrite)
    return [spectrograms, *logits], ends


def _write_page(work: Path, runtime: Path) -> None:
    """Write the page, with the source of its answers that runs the model."""
    files = work / FILES
    shutil.copytree(STATIC, files, ignore=shutil.ignore_patterns(IN_BROWSER.name, PAGE))
    shutil.copytree(IN_BROWSER, files, dirs_exist_ok=True)
    (files / "vendor" / "ort").mkdir()
    for name in RUNTIME_FILES:
        shutil.copyfile(runtime / name, files / "vendor" / "ort" / name)
    nonce = secrets.token_urlsafe(16)
    head = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy(nonce, in_document=True))}">'
    page = render_page(where=_WHERE, without_script=_WITHOUT_SCRIPT, head=head)
    (work / PAGE).write_text(page.replace(NONCE, nonce), encoding="utf-8")
