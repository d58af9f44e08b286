"""What gets installed: the core, the plugins under names of their own, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    options = "--quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --wheel-dir".split()
    command = [sys.executable, "-m", "pip", "wheel", *options, str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("genrebench-*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_packages(wheel: zipfile.ZipFile) -> None:
    """Each is typed; a folder called backends/ would be in the way of a user's own."""
    names = wheel.namelist()
    packages = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert packages == {"genrebench", "genrebench_torch", "genrebench_keras", "genrebench_onnx"}
    assert {f"{package}/py.typed" for package in packages} <= set(names)


def test_the_wheel_holds_all_sources(wheel: zipfile.ZipFile) -> None:
    """Every module of the tree, and the plain scripts that the benchmark runs."""
    names = set(wheel.namelist())
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "genrebench").rglob("*.py")}
    for plugin in (ROOT / "backends").glob("*/*"):
        modules |= {path.relative_to(plugin.parent).as_posix() for path in plugin.rglob("*.py")}
    plain = {f"genrebench/bench/scripts/{path.name}" for path in (ROOT / "experiments" / "plain").glob("*.py")}
    assert plain
    assert modules | plain <= names
    points = next(wheel.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert "[genrebench.backends]" in points
    assert "genrebench = genrebench.__main__:main" in points
