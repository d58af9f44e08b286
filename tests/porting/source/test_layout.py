"""Lines that are too long, as ruff breaks them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genrebench.porting.source.layout import WIDTH, commented, wrap

LINES = [
    "x = function(a, b)",
    f"x = function({'a' * 60}, {'b' * 10})",
    f"x = function({'a' * 60}, {'b' * 30})",
    f"x = function({'a' * 60}, other({'b' * 60}, {'c' * 20}), {'d' * 30})",
    f"x = torch.cat(({'a' * 40}, {'b' * 40}), dim=1)",
    f"x = torch.cat(({'a' * 40}, {'b' * 40}, {'c' * 40}), dim=1)",
    f"x = nn.Sequential(nn.Conv2d({'1, ' * 12}2), nn.Conv2d({'3, ' * 40}4))",
    f"x = y.new_tensor([{', '.join(['0.5'] * 30)}]) ",
    f"return {'a' * 30}, {'b' * 20}",
    f"x = {'a' * 70}[:, :, 1:]",
]


@pytest.mark.parametrize("line", LINES)
def test_ruff_agrees(line: str, tmp_path: Path) -> None:
    """Ruff has nothing to change, and the text is the same but for its breaks and commas."""
    line = line.strip()
    lines = wrap(line, 4)
    assert "".join(each.strip() for each in lines).replace(",", "").replace(" ", "") == line.replace(",", "").replace(
        " ", ""
    )
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    if not ruff:
        pytest.skip("ruff is not installed")
    (tmp_path / "file.py").write_text("def f():\n" + "\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run([ruff, "format", "--isolated", "--diff", "."], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_comment_stands_behind_where_there_is_room() -> None:
    """Else before."""
    assert commented("x = 1", "one", 4) == ["    x = 1  # one"]
    assert commented("x = " + "1" * (WIDTH - 10), "one", 4)[0] == "    # one"
