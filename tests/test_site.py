"""The site of the documentation: built without a warning, with every page and public name, from nothing of others."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import genrebench

ROOT = Path(__file__).parent.parent
yaml = pytest.importorskip("yaml")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, as `make docs` does."""
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    """At its place in the repository, so that links hold in both."""
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / "docs" / page.stem / "index.html").exists(), page
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in navigation, f"mkdocs.yml: {page.name} is not in nav"


def test_the_reference_has_every_public_name(site: Path) -> None:
    """By its docstring."""
    text = (site / "docs" / "reference" / "index.html").read_text(encoding="utf-8")
    anchors = set(re.findall(r'id="(genrebench\.[\w.]+)"', text))
    for name in genrebench.__all__:
        home = genrebench._HOMES[name].replace(":", ".")
        assert home in anchors, name


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """Neither fonts nor scripts."""
    for page in site.rglob("index.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=\"?https?:[^>]*(?:css|js|font)[^>]*>", text), page


def test_the_citation_is_of_this_version() -> None:
    """CITATION.cff says what the package says."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == genrebench.__version__
    assert citation["license"] == "MIT"


def test_templates_of_issues_are_forms() -> None:
    """Each field has a name of its own, and says what is to be written there."""
    forms = [path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
    assert len(forms) >= 3
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert {"name", "description", "body"} <= form.keys(), path
        names = [field["id"] for field in form["body"]]
        assert len(set(names)) == len(names) > 0, path
        assert all(field["attributes"]["label"] for field in form["body"]), path
