"""Discovery of backends: listing, duplicates, broken plugins."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from genrebench.backend.protocol import BackendInfo
from genrebench.backend.registry import GROUP, list_backends, load_backend
from genrebench.errors import BackendError

GOOD = BackendInfo("good", "numpy", "a stand-in", ("cpu",), can_train=False, implementation="math:pi")
HOMELESS = BackendInfo("homeless", "no-such-framework", "", ("cpu",), can_train=False, implementation="math:pi")
CRASHING = BackendInfo("crashing", "numpy", "", ("cpu",), can_train=False, implementation="no_such_module:x")
LEAVING_LATE = BackendInfo("leaving-late", "numpy", "", ("cpu",), can_train=False, implementation="leaving:x")
NOT_AN_INFO = "text"


class _Distribution:
    """Stands for an installed distribution."""

    def __init__(self, name: str) -> None:
        """Keep the name."""
        self.name, self.version = name, "1.0"


def entry(name: str, value: str, distribution: str = "somebody") -> metadata.EntryPoint:
    """Make an entry point."""
    point = metadata.EntryPoint(name, f"{__name__}:{value}" if ":" not in value else value, GROUP)
    found: metadata.EntryPoint = point._for(_Distribution(distribution))  # type: ignore[attr-defined]
    return found


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Install stand-ins of every kind."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    points = [
        *(entry("good", "GOOD"), entry("homeless", "HOMELESS"), entry("crashing", "CRASHING")),
        *(entry("text", "NOT_AN_INFO"), entry("renamed", "GOOD"), entry("gone", "no_such_module:INFO")),
        *(entry("twice", "GOOD", "one"), entry("twice", "GOOD", "two")),
        *(entry("leaving", "leaving:INFO"), entry("leaving-late", "LEAVING_LATE")),
    ]
    (tmp_path / "leaving.py").write_text("raise SystemExit('goodbye')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)


@pytest.mark.usefixtures("plugins")
def test_every_plugin_is_listed_with_its_state() -> None:
    """Whole, without framework, broken in several ways, and claimed twice."""
    entries = {each.name: each for each in list_backends()}
    assert list(entries) == sorted(entries)
    assert entries["good"].problem is None
    assert entries["good"].framework_version == metadata.version("numpy")
    assert entries["crashing"].problem is None  # listing does not import what would crash
    expected = {
        "homeless": "no-such-framework not installed; pip install no-such-framework",
        "text": "expected a BackendInfo named 'text', received 'text'",
        "renamed": "expected a BackendInfo named 'renamed'",
        "gone": "broken plugin of somebody 1.0 (ModuleNotFoundError",
        "twice": "claimed by one 1.0 and two 1.0",
        "leaving": "broken plugin of somebody 1.0 (SystemExit: goodbye)",
    }
    for name, problem in expected.items():
        assert problem in str(entries[name].problem)


@pytest.mark.usefixtures("plugins")
def test_asking_for_a_plugin_loads_it_or_says_why_not() -> None:
    """The reason is that of the list; a crash at import and an unknown name are told too."""
    assert load_backend("good")[0] is GOOD
    for name, message in {
        "homeless": "backend homeless: no-such-framework not installed",
        "twice": "backend twice: expected one distribution, claimed by one 1.0 and two 1.0",
        "crashing": "backend crashing: cannot be imported .ModuleNotFoundError",
        "leaving": r"backend leaving: broken plugin of somebody 1.0 \(SystemExit: goodbye\)",
        "leaving-late": r"backend leaving-late: cannot be imported \(SystemExit: goodbye\)",
        "unknown": r"one of the installed backends \(crashing, gone, good.*'unknown'",
    }.items():
        with pytest.raises(BackendError, match=message):
            load_backend(name)
    for name in ("gone", "crashing"):  # the plugin's own traceback, for --debug
        with pytest.raises(BackendError) as failure:
            load_backend(name)
        assert isinstance(failure.value.__cause__, ModuleNotFoundError)
        assert failure.value.__cause__.__traceback__ is not None


@pytest.mark.usefixtures("plugins")
def test_one_backend_is_loaded_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a name that is there nor one that is not imports the plugins of other names."""
    loaded: list[str] = []
    load = metadata.EntryPoint.load

    def note(self: metadata.EntryPoint) -> object:
        """Note what is imported."""
        loaded.append(self.name)
        return load(self)

    monkeypatch.setattr(metadata.EntryPoint, "load", note)
    load_backend("good")
    with pytest.raises(BackendError, match="expected one of the installed backends"):
        load_backend("unknown")
    assert loaded == ["good"]


def test_listing_the_project_s_own_backends_imports_no_framework() -> None:
    """A fresh process lists them, and has none of the frameworks in memory."""
    code = (
        "import sys; from genrebench.backend.registry import list_backends; names = [e.name for e in list_backends()];"
        "assert 'torch' in names, names;"
        "assert not {'torch', 'tensorflow', 'keras', 'jax', 'librosa'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
