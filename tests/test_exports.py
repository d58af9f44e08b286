"""The public face: the names that are promised, light to import, documented in full, typed for others."""

import dataclasses
import importlib
import inspect
import pydoc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString  # type: ignore[import-untyped]
from numpydoc.validate import validate  # type: ignore[import-untyped]

import genrebench

ROOT = Path(__file__).parent.parent
ROOMS = sorted(path.parent.name for path in (ROOT / "genrebench").glob("*/__init__.py"))
# A plain first line is enough; numpydoc asks for the first line below the quotes, and takes words in -s for verbs.
NOT_ASKED = {"ES01", "GL01", "SA01", "SS05"}


def public() -> Iterator[str]:
    """List the dotted names of everything public: what is in the package's, and in a room's, ``__all__``."""
    yield from (f"genrebench.{name}" for name in genrebench.__all__)
    for room in ROOMS:
        module = importlib.import_module(f"genrebench.{room}")
        yield from (f"genrebench.{room}.{name}" for name in getattr(module, "__all__", ()))


def resolve(name: str) -> Any:
    """Import what a dotted name names."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def faults(name: str, thing: Any, *, example: bool) -> Iterator[str]:
    """List what a docstring lacks."""
    document = NumpyDocString(inspect.getdoc(thing) or "")
    attributes = {name for each in document["Attributes"] for name in each.name.split(", ")}
    for code, message in validate(name)["errors"]:
        if code in NOT_ASKED or (code == "EX01" and not example):
            continue
        # The fields of a class of data are its parameters; a protocol has none.
        if code == "PR01" and inspect.isclass(thing) and set(fields(thing)) <= attributes:
            continue
        yield f"{name}: {code} {message}"


def fields(thing: type) -> list[str]:
    """List what an object of a class of data is made from."""
    if dataclasses.is_dataclass(thing):
        return [field.name for field in dataclasses.fields(thing) if field.init]
    return list(getattr(thing, "model_fields", ()))


def test_the_names_are_those_that_are_there() -> None:
    """Every promised name loads, none is promised twice, and nothing else is offered."""
    assert genrebench.__all__ == sorted(set(genrebench.__all__))
    assert set(dir(genrebench)) == {*genrebench.__all__, "__version__"}
    for name in genrebench.__all__:
        assert getattr(genrebench, name) is getattr(genrebench, name)
        assert f"`{name}`" in str(genrebench.__doc__), f"help(genrebench) does not say what {name} is"
    with pytest.raises(AttributeError, match="module 'genrebench' has no attribute 'nonesuch'"):
        _ = genrebench.nonesuch


@pytest.mark.parametrize("name", genrebench.__all__)
def test_a_type_checker_sees_what_is_loaded(name: str) -> None:
    """The imports for type checkers name the same objects as the table of homes."""
    module, _, attribute = genrebench._HOMES[name].partition(":")
    source = inspect.getsource(genrebench)
    if "." in attribute:
        assert f"    {name} = {attribute}\n" in source
    else:
        line = next(line for line in source.splitlines() if line.startswith(f"    from {module} import "))
        assert f"{attribute} as {name}" in line if attribute != name else name in line.replace(",", "").split()


@pytest.mark.parametrize("name", list(public()))
def test_public_names_are_documented_in_full(name: str) -> None:
    """Parameters and returns; those of the package itself also have an example, and methods that are documented."""
    thing = resolve(name)
    is_promised = name.count(".") == 1
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):  # the name of a type
        return
    found = list(faults(name, thing, example=is_promised))
    if is_promised and inspect.isclass(thing):
        for method, value in vars(thing).items():
            if not method.startswith("_") and (inspect.isroutine(value) or isinstance(value, classmethod | property)):
                found += faults(f"{name}.{method}", value, example=False)
    assert not found, "\n".join(found)


def test_importing_the_package_imports_next_to_nothing() -> None:
    """Well under a tenth of a second: neither NumPy nor any room is loaded before it is used."""
    code = (
        "import sys; before = set(sys.modules); import genrebench as gb; dir(gb); "
        "new = {name for name in set(sys.modules) - before if name.partition('.')[0] not in sys.stdlib_module_names}; "
        "assert new == {'genrebench'}, new; gb.GenrebenchError; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_reads_well() -> None:
    """What it is, the lines that a user wants, and each name with what it is for come first."""
    text = pydoc.plain(pydoc.render_doc(genrebench))
    lines = text.splitlines()
    assert "genrebench - Classify music by genre" in text
    assert "import genrebench as gb" in lines[6]
    assert all(len(line) <= 124 for line in lines[: lines.index("PACKAGE CONTENTS")])


OUTSIDE = """
import os
from pathlib import Path

import genrebench as gb
import numpy as np

model: gb.Model = gb.load("results/gtzan", backend="torch", device="cpu")
prediction: gb.Prediction = model.predict("song.mp3")
genre: str = prediction.genre
probabilities: dict[str, float] = prediction.probabilities
for answer in model.predict_many(["a.mp3", Path("b.mp3")]):
    if isinstance(answer, gb.GenrebenchError):
        print(answer)
    else:
        print(answer.genre, answer.probability)
config = gb.MelConfig(n_mels=64)
shape: tuple[int, int] = config.shape
mel = gb.mel_spectrogram(np.zeros(66150, np.float32), config)
here: os.PathLike[str] = Path("dataset")
written: int = gb.preprocess(here, config, output="tree", jobs=2).written
genres: tuple[str, ...] = gb.load_dataset("dataset").genres
network: gb.Architecture = gb.genre_cnn((128, 130), 10)
names: list[str] = [entry.name for entry in gb.list_backends()]
gb.train("dataset", name="gtzan", epochs=1)
gb.compare("torch", "keras")
gb.check_backend("torch")
model.save("copy")
shapes: list[tuple[int, ...]] = [weight.shape for weight in gb.read_keras("model.h5").weights.values()]
"""


def test_types_are_complete_for_others(tmp_path: Path) -> None:
    """An outside file passes mypy --strict, which knows every type and notices a wrong argument."""
    (tmp_path / "outside.py").write_text(OUTSIDE + "reveal_type(mel)\ngb.load(3)\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", "outside.py"]
    cache = ROOT / ".mypy_cache" / "outside"
    done = subprocess.run(
        [*command, "--cache-dir", str(cache)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stdout + done.stderr
    assert 'Revealed type is "numpy.ndarray[' in lines[0]
    assert 'incompatible type "int"; expected "str | PathLike[str]"' in lines[1]
