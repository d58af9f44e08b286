"""The backend that `docs/writing-a-backend.md` walks through, installed from the page as a distribution of its own."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from genrebench.testing import check_names

PAGE = (Path(__file__).parents[2] / "docs" / "writing-a-backend.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^File `([^`]+)`:\n\n```\w+\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL))
BACKEND = "genrebench_functional/backend.py"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in a process of its own."""
    command = [sys.executable, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # small networks: threads would only wait for each other
    return subprocess.run(
        command, check=False, text=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of the page."""
    folder = tmp_path_factory.mktemp("outside") / "genrebench-functional"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(project: Path) -> Path:
    """Build the distribution and install it into a folder of its own, without a network."""
    if find_spec("torch") is None:
        pytest.skip("the page's backend needs torch, which is not installed")
    folder = project.parent / "site"
    options = "--quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --target".split()
    installed = run("-m", "pip", "install", *options, folder, project)
    assert installed.returncode == 0, installed.stdout
    return folder


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the processes that a test starts find the distribution."""
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    return site


def test_the_page_lists_the_checks_of_the_kit() -> None:
    """By name, in the order in which they run."""
    _, section = PAGE.split("\n## The checks\n")
    listed = re.findall(r"^- ((?:`[^`]+`,?\s+)*`[^`]+`): ", section, flags=re.MULTILINE)
    assert tuple(re.findall("`([^`]+)`", " ".join(listed))) == check_names()


@pytest.mark.usefixtures("installed")
def test_the_distribution_is_discovered_without_its_framework() -> None:
    """It is ready, it is the only one of that name, and listing it imports no framework."""
    code = (
        "import sys; from genrebench.backend.registry import list_backends;"
        "entry, = (each for each in list_backends() if each.name == 'functional');"
        "assert entry.problem is None, entry.problem;"
        "assert entry.distributions == ('genrebench-functional 0.1.0',), entry.distributions;"
        "assert not {'torch', 'tensorflow', 'keras', 'jax', 'genrebench_functional.backend'} & set(sys.modules)"
    )
    listed = run("-c", code)
    assert listed.returncode == 0, listed.stdout


@pytest.mark.usefixtures("installed")
def test_the_backend_passes_the_kit() -> None:
    """Every required check runs and passes, and the summary is the page's."""
    checked = run("-m", "genrebench", "check", "functional")
    assert checked.returncode == 0, checked.stdout
    statuses = dict(re.findall(r"^  (\S+) +(\w+)", checked.stdout, flags=re.MULTILINE))
    assert statuses == {name: "skipped" if name.startswith("training") else "passed" for name in check_names()}
    summary = re.search(r"^\d+ ran: .* skipped", checked.stdout, flags=re.MULTILINE)
    assert summary is not None
    assert summary[0] in PAGE


@pytest.mark.usefixtures("installed")
def test_the_backend_passes_parity(project: Path) -> None:
    """The page's comparison prints every row and the verdict: all gates hold."""
    compared = run(project / "compare.py")
    assert compared.returncode == 0, compared.stdout
    *rows, verdict = compared.stdout.splitlines()
    assert re.fullmatch(r"functional builds the same network as numpy: all \d+ gates hold\.", verdict), verdict
    stages = {row.split()[0] for row in rows}
    assert stages >= {"structure", "weights", "evaluation", "training", "loss", "gradients", "adam", "steps"}
    assert not [row for row in rows if "DIVERGES" in row]


def test_the_page_s_own_test_fails_for_framework_defaults(
    project: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's Adam epsilon and running variance in a copy: the checks that see them fail, and no others."""
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    text = (broken / BACKEND).read_text(encoding="utf-8")
    for right, wrong in (("optimizer.epsilon", "1e-8"), ("new * variance", "new * x.var(axes)")):
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    (broken / BACKEND).write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(broken), prepend=os.pathsep)
    tested = run("-m", "pytest", "-q", "--tb=short", "--color=no", "-p", "no:cacheprovider", project / "tests")
    assert tested.returncode == 1, tested.stdout
    assert re.findall(r"^E +(?:AssertionError: )?([a-z-]+): ", tested.stdout, flags=re.MULTILINE) == [
        *("layer-batch-normalization", "trace", "adam", "dropout-masks"),
    ]
