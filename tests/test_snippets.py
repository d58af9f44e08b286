"""Every command and all Python in the README and the documentation are run, in a folder with made-up audio."""

import re
from pathlib import Path

import joblib
import numpy as np
import pytest

from genrebench.training import results
from genrebench.training.runs import Run
from tests.conftest import SELECTED
from tests.snippets import ROOT, Block, blocks, make_folder, make_runs, reading

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# It is installed and run by tests/backends/test_outside_backend.py.
ELSEWHERE = {"docs/writing-a-backend.md"}
BLOCKS = {str(page.relative_to(ROOT)): blocks(page) for page in PAGES}
QUICK = {page for page, found in BLOCKS.items() if any(not block.mark for block in found)} - ELSEWHERE
SLOW = {page for page, found in BLOCKS.items() if any(block.mark == "slow" for block in found)} - ELSEWHERE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folder that all pages are read in copies of."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("fastapi")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("mutagen")
    root: Path = tmp_path_factory.mktemp("pages") / "folder"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joblib, "cpu_count", lambda: 1)
        make_folder(root)
        patch.setattr(results, "write_results", _write_nothing)
        patch.chdir(root)
        make_runs(root)
    torch.save(
        {
            name: torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))
            for name, shape in {"narrow.weight": (3, 5), "narrow.bias": (3,), "wide.weight": (5, 3), "wide.bias": (5,)}
            .items()
        },
        root / "mine.pt",
    )  # fmt: skip
    return root


def _write_nothing(run: Run) -> None:
    """Spare runs their pictures and pages, which take longer than such a training."""


def read(page: str, folder: Path, place: Path, *, slow: bool) -> None:
    """Do what a page says, from its beginning to its end."""
    with pytest.MonkeyPatch.context() as patch, reading(folder, place) as reader:
        patch.setattr(joblib, "cpu_count", lambda: 1)  # no processes for a few recordings
        patch.setattr(results, "write_results", _write_nothing)
        for block in BLOCKS[page]:
            if not block.mark or (slow and block.mark == "slow"):
                reader.read(block)


@pytest.mark.filterwarnings("ignore:.* is deprecated and slated for removal")  # of what librosa.load imports
@pytest.mark.parametrize("page", sorted(QUICK))
def test_what_a_page_says_can_be_done(page: str, folder: Path, tmp_path: Path) -> None:
    """Line by line, in the order of the page; training is short."""
    read(page, folder, tmp_path / "page", slow=False)


@pytest.mark.filterwarnings("ignore:.* is deprecated and slated for removal")
@pytest.mark.skipif(not {"torch", "keras"} <= SELECTED, reason="needs PyTorch and Keras")
@pytest.mark.parametrize("page", sorted(SLOW))
def test_what_takes_longer_can_be_done_too(page: str, folder: Path, tmp_path: Path) -> None:
    """With what starts several frameworks, or trains often."""
    read(page, folder, tmp_path / "page", slow=True)


def test_what_is_not_run_has_a_reason() -> None:
    """And is little: a comment before the block says why."""
    left_out = [block for found in BLOCKS.values() for block in found if block.mark.startswith("not run")]
    assert len(left_out) <= 7
    assert all(len(block.mark) > len("not run: ") + 10 for block in left_out)


def test_all_blocks_are_found() -> None:
    """Whatever stands before them."""
    for page, found in BLOCKS.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        assert len(found) == len(re.findall(r"^```(?:console|python)$", text, flags=re.MULTILINE)), page
    assert sum(map(len, BLOCKS.values())) > 40


def test_a_wrong_snippet_is_noticed(folder: Path, tmp_path: Path) -> None:
    """An option that means nothing here, a file that is not there, a name that the library has not."""
    with reading(folder, tmp_path / "page") as reader:
        for language, text, error in (
            ("console", "$ genrebench infer song.mp3 --min-confidence 2", AssertionError),
            ("console", "$ genrebench infer absent.mp3", AssertionError),
            ("console", "$ rm -r .", AssertionError),
            ("console", "$ pip install '.[nonesuch]'", AssertionError),
            ("python", "import genrebench as gb\ngb.load('builtin').guess('song.mp3')", AttributeError),
        ):
            with pytest.raises(error):
                reader.read(Block(1, language, text, ""))
