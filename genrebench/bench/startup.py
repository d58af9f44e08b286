"""Start-up: how soon the command line answers."""

from functools import partial

from genrebench.bench.data import BenchData
from genrebench.bench.measure import run_python, take_turns
from genrebench.bench.results import Candidate, SuiteResult, Target

CLICK, HELP = "import click", "genrebench --help"
# Short runs need more rounds.
_ROUNDS = 15


def startup_suite(data: BenchData) -> SuiteResult:
    """Time the command line's help."""
    commands = {
        CLICK: partial(run_python, "-c", "import click"),
        HELP: partial(run_python, "-m", "genrebench", "--help"),
    }
    runs = take_turns(commands, _ROUNDS, on_run=data.on_run)
    timed = {name: Candidate(name, "s", tuple(run.seconds for run in found)) for name, found in runs.items()}
    slow, quick = timed[HELP].median, timed[CLICK].median
    note = f"{1e3 * slow:.0f} ms / {1e3 * quick:.0f} ms"
    target = Target("genrebench --help, against importing click", slow / quick, 3.0, at_least=False, note=note)
    return SuiteResult(tuple(timed.values()), (target,))
