"""Start-up: how soon the command line answers."""

from genrebench.bench import contenders
from genrebench.bench.processes import contender, in_turns, run_process
from genrebench.bench.results import Bar, Suite
from genrebench.bench.workshop import Workshop

CLICK, HELP = "import click", "genrebench --help"
# Short runs need more rounds.
_ROUNDS = 15


def startup_suite(workshop: Workshop) -> Suite:
    """Time the command line's help."""
    commands = {CLICK: ["python", "-c", "import click"], HELP: ["python", "-m", "genrebench", "--help"]}
    runs = in_turns(
        {name: lambda command=command: run_process(command) for name, command in commands.items()},  # type: ignore[misc]
        _ROUNDS,
        on_run=workshop.on_run,
    )
    timed = {name: contender("startup", name, "s", [run.seconds for run in found]) for name, found in runs.items()}
    heavy = run_process(contenders.command(contenders.help_imports)).report["heavy"]
    slow, quick = timed[HELP].median, timed[CLICK].median
    bars = (
        Bar("startup", "genrebench --help, against importing click", slow / quick, 3.0, at_least=False,
            note=f"{1e3 * slow:.0f} ms / {1e3 * quick:.0f} ms"),
        Bar("startup", "NumPy, librosa or frameworks imported by --help", len(heavy), 0, at_least=False, unit="",
            note=", ".join(heavy)),
    )  # fmt: skip
    return Suite(tuple(timed.values()), bars)
