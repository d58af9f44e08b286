"""Start-up: how soon the command line answers."""

from functools import partial

from genrebench.bench.data import BenchData
from genrebench.bench.measure import run_python, take_turns, timed
from genrebench.bench.results import SuiteResult, Target

CLICK, HELP = "import click", "genrebench --help"
# Short runs need more rounds.
_ROUNDS = 15


def startup_suite(data: BenchData) -> SuiteResult:
    """Time the command line's help."""
    commands = {
        CLICK: partial(run_python, "-c", "import click"),
        HELP: partial(run_python, "-m", "genrebench", "--help"),
    }
    candidates = timed(take_turns(commands, _ROUNDS, on_run=data.on_run))
    slow, quick = candidates[HELP].median, candidates[CLICK].median
    note = f"{1e3 * slow:.0f} ms / {1e3 * quick:.0f} ms"
    target = Target("genrebench --help, against importing click", slow / quick, 3.0, at_least=False, note=note)
    return SuiteResult(tuple(candidates.values()), (target,))
