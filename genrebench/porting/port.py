"""`port`: somebody's Keras file to a folder with PyTorch's source, its weights, and the proof that both are one."""

import glob
import os
import shlex
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from safetensors.numpy import save

from genrebench.errors import ConfigError, ModelError, escaped
from genrebench.parity.document import parity_document
from genrebench.parity.report import Report, save_report
from genrebench.porting.proof.options import DEFAULTS, ProofOptions
from genrebench.porting.proof.run import NETWORK, WEIGHTS, prove
from genrebench.porting.readme import readme
from genrebench.porting.source import Emitted, write_source
from genrebench.reading import keras_file
from genrebench.reading.inspection import describe
from genrebench.reading.keras_file import KerasModel
from genrebench.report.html import page
from genrebench.report.markdown import markdown
from genrebench.system.files import StrPath, write_json
from genrebench.system.folders import publish_folder, recover_folder
from genrebench.system.temporary import temporary_folder

ARCHITECTURE, README = "architecture.json", "README.md"
REPORTS = ("parity.json", "parity.md", "parity.html")
BACKENDS = ("torch", "keras")
FILES = (NETWORK, WEIGHTS, ARCHITECTURE, README, *REPORTS)


@dataclass(frozen=True)
class Ported:
    """A port that was written.

    Attributes
    ----------
    folder : Path
        Where it lies.
    report : Report or None
        The proof; None if it was asked for without one.
    """

    folder: Path
    report: Report | None

    @property
    def passed(self) -> bool:
        """Return whether no gate of the proof fails; True without a proof."""
        return self.report is None or self.report.passed


class PortableModel(KerasModel):
    """A Keras model that was read, and can be written for PyTorch."""

    def port(
        self, folder: StrPath, *, overwrite: bool = False, proof: bool = True, keras: bool = True, seed: int = 0
    ) -> Ported:
        """Write the model for PyTorch, prove that it computes the same, and keep source, weights and report.

        Parameters
        ----------
        folder : str or PathLike
            Where to; all files appear at once, or none does.
        overwrite : bool
            Whether an earlier port there may be replaced; other files stay.
        proof : bool
            Whether to prove it; the README says so if not.
        keras : bool
            Whether Keras itself is asked, too, as a third witness.
        seed : int
            Of the numbers that the proof computes with.

        Returns
        -------
        Ported
            Its ``report`` says what was found; a port whose proof fails is written all the same.

        Raises
        ------
        ModelError
            If something in the file cannot be ported; the message names the first of it.
        ConfigError
            If the folder holds something already.

        Examples
        --------
        >>> import genrebench as gb
        >>> ported = gb.read_keras("model.h5").port("ported", keras=False)
        >>> ported.passed, sorted(path.name for path in ported.folder.iterdir())[:3]
        (True, ['README.md', 'architecture.json', 'network.py'])
        """
        return port(self, folder, ProofOptions(seed=seed), overwrite=overwrite, proof=proof, keras=keras)


def read_keras(
    path: StrPath, *, config: StrPath | None = None, replace: Mapping[str, StrPath] | None = None
) -> PortableModel:
    """Read a model that Keras saved, of version 1 to 3, without Keras and without trusting the file.

    Parameters
    ----------
    path : str or PathLike
        A ``.keras``, ``.h5`` or ``.hdf5``.
    config : str or PathLike, optional
        A JSON file with the model's configuration, for a file that has weights only.
    replace : mapping of str to str or PathLike, optional
        What stands in the place of layers that are code, by their names: an expression in ``x``, such as
        ``"x / 255 - 0.5"``, or a ``.json`` file with a layer of Keras, a list of them or a model, as Keras writes them.

    Returns
    -------
    PortableModel
        What is in it; what is not understood is among its ``problems``. Its method ``port`` writes it for PyTorch.

    Raises
    ------
    ModelError
        If the file is no Keras model, is damaged, or holds what Keras does not write.
    ConfigError
        If an expression is none, or no layer has the name of one to replace.

    Examples
    --------
    >>> import genrebench as gb
    >>> model = gb.read_keras("model.h5")
    >>> model.version.text, model.problems
    ('2.4.0', ())
    >>> [(name, weight.shape) for name, weight in model.weights.items()]
    [('dense/kernel', (4, 2)), ('dense/bias', (2,))]
    """
    model = keras_file.read_keras(path, config=config, replace=replace)
    return PortableModel(**{each.name: getattr(model, each.name) for each in fields(model)})


def port(
    model: KerasModel,
    folder: StrPath,
    options: ProofOptions = DEFAULTS,
    *,
    overwrite: bool = False,
    proof: bool = True,
    keras: bool = True,
) -> Ported:
    """Write a model for PyTorch; see `PortableModel.port`."""
    place = Path(os.path.abspath(folder))  # noqa: PTH100 - a link in it is not followed
    check_place(place, overwrite=overwrite)
    emitted = emit(model)
    with temporary_folder("port") as work:
        write_network(work, emitted)
        report = prove(model, emitted, work, options, keras=keras) if proof else None
        _write_texts(work, model, report)
        publish(work, place, names=FILES, overwrite=overwrite)
    return Ported(Path(folder), report)


def prove_file(model: KerasModel, backends: Collection[str], options: ProofOptions = DEFAULTS) -> Report:
    """Prove a model without keeping what is written for it.

    Parameters
    ----------
    backends : collection of str
        ``torch`` for the module that is written, ``keras`` for Keras itself.
    options : ProofOptions
        Numbers and limits, and who is told each stage.

    Raises
    ------
    ConfigError
        If a backend is none of these.
    ModelError
        If something in the file cannot be ported.
    """
    if strange := [name for name in backends if name not in BACKENDS]:
        raise ConfigError(f"--backend {strange[0]}: expected {' or '.join(BACKENDS)} for the network of a Keras file")
    emitted = emit(model)
    with temporary_folder("port") as work:
        write_network(work, emitted)
        return prove(model, emitted, work, options, twin="torch" in backends, keras="keras" in backends)


def check_place(place: Path, *, overwrite: bool) -> None:
    """Refuse to overwrite what is not to be overwritten, before anything is computed.

    Raises
    ------
    ConfigError
        If something lies there, or a run, which is not overwritten at all.
    """
    recover_folder(place)
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise ConfigError("expected a folder to write to, received something else; choose another", path=place)
    if (place / "model.json").exists():
        raise ConfigError("holds a run, whose weights and card have the same names; choose another", path=place)
    if place.is_dir() and any(place.iterdir()) and not overwrite:
        raise ConfigError("expected an empty folder, or none; choose another, or add --overwrite", path=place)


def emit(model: KerasModel) -> Emitted:
    """Write the source of a model.

    Raises
    ------
    ModelError
        If something in it cannot be ported.
    """
    if model.problems:
        others = len(model.problems) - 1
        more = f" (and {others} more: genrebench inspect lists all)" if others else ""
        raise ModelError(f"{model.problems[0]}{more}", path=model.path)
    try:
        return write_source(model)
    except ConfigError as error:
        raise ModelError(str(error), path=model.path) from error


def write_network(folder: Path, emitted: Emitted) -> None:
    """Write source and weights."""
    (folder / NETWORK).write_text(emitted.text, encoding="utf-8")
    (folder / WEIGHTS).write_bytes(save(emitted.state))


def _write_texts(folder: Path, model: KerasModel, report: Report | None) -> None:
    """Write everything else."""
    write_json(folder / ARCHITECTURE, {**describe(model), "file": model.path.name}, durable=False)
    again = shlex.join(["genrebench", "parity", "--keras", escaped(model.path.name)])
    (folder / README).write_text(readme(model, report, again), encoding="utf-8")
    if report is not None:
        save_report(folder / REPORTS[0], report)
        (folder / REPORTS[1]).write_text(markdown(parity_document(report)), encoding="utf-8")
        (folder / REPORTS[2]).write_text(page(parity_document(report, every_row=True)), encoding="utf-8")


def publish(work: Path, place: Path, *, names: Collection[str], overwrite: bool) -> None:
    """Put files and folders that were written elsewhere in their place in one step, those of them that there are.

    Raises
    ------
    ConfigError
        If something has come there meanwhile.
    """
    with _beside(place) as new:
        for name in names:
            if (work / name).is_dir():
                shutil.copytree(work / name, new / name)
            elif (work / name).exists():
                shutil.copyfile(work / name, new / name)
        check_place(place, overwrite=overwrite)
        publish_folder(new, place, replaced=names)


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """Make a folder beside a place, which is gone afterwards, as are those of processes that were killed."""
    for old in place.parent.glob(f".{glob.escape(place.name)}.port-*"):
        shutil.rmtree(old, ignore_errors=True)
    missing = [each for each in place.parents if not each.exists()]
    new = place.with_name(f".{place.name}.port-{os.getpid()}")
    new.mkdir(parents=True)
    try:
        yield new
        missing = []
    finally:
        shutil.rmtree(new, ignore_errors=True)
        for each in missing:
            each.rmdir()
