"""Discovery of backends: listing, duplicates, broken plugins, and plugins that end or hang whoever imports them."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from genrebench.backend import registry
from genrebench.backend.registry import backend_names, list_backends, load_backend
from genrebench.errors import BackendError, WorkerError
from tests.plugins import use_plugins, write_plugin

INFO = """
from genrebench.backend import BackendInfo
INFO = BackendInfo("{name}", "{framework}", "a stand-in", {devices}, can_train=False, implementation="{implementation}")
"""


def info(name: str, *, framework: str = "numpy", devices: str = '("cpu",)', implementation: str = "math:pi") -> str:
    """Write the module of a plugin's description."""
    return INFO.format(name=name, framework=framework, devices=devices, implementation=implementation)


# By backend, the module that its entry point names, and what the list says of it.
PLUGINS: dict[str, tuple[str, str | None]] = {
    "good": (info("good"), None),
    "homeless": (info("homeless", framework="no-such-framework"), "no-such-framework not installed; pip install"),
    "crashing": (info("crashing", implementation="no_such_module:x"), None),
    "leaving-late": (info("leaving-late", implementation="someones_leaving:x"), None),
    "ending-late": (info("ending-late", implementation="someones_ending:x"), None),
    "text": ("INFO = 'text'", "expected a BackendInfo named 'text', received 'text'"),
    "renamed": (info("good"), "expected a BackendInfo named 'renamed'"),
    "list": (info("list", devices='["cpu"]'), "info.devices: expected a tuple of names, received ['cpu']"),
    "numbers": (info("numbers", devices="(1, 2)"), "info.devices: expected a tuple of names, received (1, 2)"),
    "lines": (info("lines", framework="a\\nb"), "info.framework: expected one line of text, received 'a\\nb'"),
    "gone": ("import no_such_module", "broken plugin of someone-gone 1.0 (worker of plugin gone: ModuleNotFoundError"),
    "leaving": ("raise SystemExit('goodbye')", "exit status 1 and no report; goodbye"),
    "ending": ("import os; os._exit(0)", "exit status 0 and no report; no message"),
    "segfault": ("import os; os.kill(os.getpid(), 11)", "ended by signal 11"),
}


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Install stand-ins of every kind."""
    for name, (source, _) in PLUGINS.items():
        module = f"someones_{name.replace('-', '_')}"
        write_plugin(tmp_path, f"someone-{name}", {name: f"{module}:INFO"}, {module: source})
    for distribution in ("one", "two"):
        write_plugin(tmp_path, distribution, {"twice": "someones_good:INFO"})
    use_plugins(monkeypatch, tmp_path, here=True)
    return tmp_path


@pytest.mark.usefixtures("plugins")
def test_every_plugin_is_listed_with_its_state() -> None:
    """Whole, without framework, broken in several ways, claimed twice; one that ends or hangs ends nothing here."""
    entries = {each.name: each for each in list_backends()}
    assert list(entries) == sorted(entries) == backend_names()
    assert entries["good"].framework_version == metadata.version("numpy")
    for name, (_, problem) in PLUGINS.items():
        found = entries[name].problem
        assert found is None if problem is None else problem in str(found), (name, found)
    assert "claimed by one 1.0 and two 1.0" in str(entries["twice"].problem)
    assert entries["numpy"].problem is None
    assert not any(module.startswith("someones_") for module in sys.modules)


@pytest.mark.usefixtures("plugins")
def test_asking_for_a_plugin_loads_it_or_says_why_not() -> None:
    """The reason is that of the list; a crash at import and an unknown name are told too."""
    assert load_backend("good")[0].name == "good"
    for name, message in {
        "homeless": "backend homeless: no-such-framework not installed",
        "twice": "backend twice: expected one distribution, claimed by one 1.0 and two 1.0",
        "crashing": "backend crashing: cannot be imported .ModuleNotFoundError",
        "leaving": r"backend leaving: broken plugin of someone-leaving 1.0 \(.* exit status 1.*goodbye",
        "leaving-late": r"backend leaving-late: cannot be imported \(SystemExit: goodbye\)",
        "ending": "backend ending: broken plugin of .* exit status 0 and no report",
        "ending-late": r"backend ending-late: cannot be imported \(SystemExit: os._exit\(0\)\)",
        "segfault": "backend segfault: broken plugin of .* ended by signal 11",
        "unknown": r"one of the installed backends \(crashing, ending, .*'unknown'",
    }.items():
        with pytest.raises(BackendError, match=message):
            load_backend(name)
    # The plugin's own traceback, for --debug.
    with pytest.raises(BackendError) as failure:
        load_backend("crashing")
    assert isinstance(failure.value.__cause__, ModuleNotFoundError)
    assert failure.value.__cause__.__traceback__ is not None
    with pytest.raises(BackendError) as failure:
        load_backend("gone")
    assert isinstance(failure.value.__cause__, WorkerError)
    assert "Traceback" in failure.value.__cause__.stderr


@pytest.mark.usefixtures("plugins")
def test_one_backend_is_loaded_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a name that is there nor one that is not imports the plugins of other names."""
    read: list[str] = []
    reading = registry._reading

    def note(name: str, points: list[metadata.EntryPoint], timeout: float) -> object:
        """Note what is imported."""
        read.append(name)
        return reading(name, points, timeout)

    monkeypatch.setattr(registry, "_reading", note)
    load_backend("good")
    with pytest.raises(BackendError, match="expected one of the installed backends"):
        load_backend("unknown")
    assert read == ["good"]


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is said there")
def test_a_plugin_whose_import_crashes_the_process_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a line that another process says."""
    modules = {"someones_info": info("late", implementation="someones_crash:x")}
    modules["someones_crash"] = "import os; os.kill(os.getpid(), 11)"
    write_plugin(tmp_path, "someone", {"late": "someones_info:INFO"}, modules)
    use_plugins(monkeypatch, tmp_path)
    code = "from genrebench.backend.registry import load_backend; load_backend('late')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -11
    assert done.stderr == "Error: backend late: its import ended this process; genrebench check late says more\n"


def test_a_plugin_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It hangs neither the list nor whoever asks for it."""
    write_plugin(tmp_path, "someone", {"hanging": "someones_hang:INFO"}, {"someones_hang": "while True: pass"})
    use_plugins(monkeypatch, tmp_path, here=True)
    (found,) = (each for each in list_backends(0) if each.name == "hanging")
    assert str(found.problem).endswith("worker of plugin hanging: expected an end within 0 s, ended it)")
    monkeypatch.setattr(registry, "PLUGIN_TIMEOUT", 0)
    with pytest.raises(BackendError, match=r"backend hanging: broken plugin .* within 0 s, ended it"):
        load_backend("hanging")


def test_listing_the_project_s_own_backends_imports_no_framework() -> None:
    """A fresh process lists them, and has none of the frameworks in memory."""
    code = (
        "import sys; from genrebench.backend.registry import list_backends; names = [e.name for e in list_backends()];"
        "assert 'torch' in names, names;"
        "assert not {'torch', 'tensorflow', 'keras', 'jax', 'librosa'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
