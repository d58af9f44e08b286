"""The house: each room imports only rooms in rows below its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# From the ground up; rooms of one row do not know each other.
ROWS = (
    {"errors"},
    {"system"},
    {"network"},
    {"audio", "backend", "reading", "report"},
    {"data", "model", "testing", "genrebench_keras", "genrebench_onnx", "genrebench_torch"},
    {"evaluation", "parity", "serve"},
    {"porting", "training"},
    {"bench"},
    {"cli"},
    {"__init__", "__main__"},
)
ROW = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
# A plugin knows what a plugin of anybody's may know.
PLUGINS = {"genrebench_keras", "genrebench_onnx", "genrebench_torch"}
MODULES = sorted([*(ROOT / "genrebench").rglob("*.py"), *(ROOT / "backends").rglob("*.py")])


def room_of(module: str) -> str:
    """Name the room of a dotted module name."""
    first, _, rest = module.partition(".")
    return first if first in PLUGINS else rest.partition(".")[0] or "__init__"


def imported(path: Path) -> Iterator[str]:
    """List the modules of this project that a file imports anywhere: lazily and for type checkers, too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: expected absolute imports"
            # What is imported from the package itself may be a room.
            is_top = node.module == "genrebench"
            yield from (f"genrebench.{alias.name}" for alias in node.names) if is_top else [node.module or ""]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    """No module imports upward or sideways."""
    parts = path.relative_to(
        ROOT / "genrebench" if "genrebench" in path.relative_to(ROOT).parts[:1] else path.parents[1]
    )
    room = parts.parts[0].removesuffix(".py")
    for module in imported(path):
        if module.partition(".")[0] not in {"genrebench", *PLUGINS} or module == "genrebench.__version__":
            continue
        target = room_of(module)
        assert target in ROW, f"{path}: {module} is in no row"
        assert target == room or ROW[target] < ROW[room], f"{room} imports {module}, which is not below it"


def module_of(path: Path) -> str:
    """Name the module of a file."""
    root = ROOT if path.is_relative_to(ROOT / "genrebench") else path.parents[1]
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def test_modules_form_no_circle() -> None:
    """Nothing leads from a module back to itself, not even by way of a lazy import."""
    files = {module_of(path): path for path in MODULES}
    edges: dict[str, set[str]] = {}
    for name, path in files.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {each if each in files else str(node.module) for each in inner}
        edges[name] = (found & files.keys()) - {name}
    while leaves := {name for name, targets in edges.items() if not targets}:
        edges = {name: targets - leaves for name, targets in edges.items() if name not in leaves}
    assert not edges, f"circle among {sorted(edges)}"


def test_no_rooms_are_missing() -> None:
    """Every folder and file at the top of the packages has its row."""
    rooms = {
        path.stem for path in (ROOT / "genrebench").iterdir() if path.suffix in {"", ".py"} and path.name[:2] != "__"
    }
    assert rooms <= ROW.keys()
    assert len(ROWS) - 1 <= 9
