"""Change one thing at a time in the numerics and in what reads and writes files, and see whether the tests notice.

    python experiments/reliability/mutants.py --sample 300 --seed 0 [MODULE ...]

A mutant is a module with one comparison, operator, number, truth value, argument, returned value, condition or
statement that is not what it was. It lives in a process of its own that is forked from one in which everything but
genrebench is loaded already; nothing is written beside the sources. The tests that mirror its module run until one
fails, then the module's examples; a mutant that they all pass has survived. One that computes ten times as long as the
tests do is counted as killed.

Kept tools were looked at: mutmut leaves alone what is decorated or stands outside of functions, which is most of what
validates; cosmic-ray starts an interpreter per mutant, which here takes five times as long as its tests.
"""

import argparse
import ast
import contextlib
import copy
import doctest
import importlib
import io
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
LAYERS = "tests/network/layers"
DEFINITIONS = "tests/porting/definitions"
# Every module with the tests that mirror it; those of `layers/base.py` try every kind of layer.
TESTS = {
    "genrebench.network.numerics": ["tests/network/test_numerics.py"],
    "genrebench.network.adam": ["tests/network/test_adam.py"],
    "genrebench.network.reference": [f"tests/network/test_{name}.py" for name in ("reference", "inputs", "adam")],
    "genrebench.network.sampling": ["tests/network/test_sampling.py"],
    **{
        f"genrebench.network.layers.{name}": [f"{LAYERS}/test_{name}.py", f"{LAYERS}/test_base.py"]
        for name in ("activation", "base", "convolution", "core", "normalization", "pooling", "windows")
    },
    **{
        f"genrebench.porting.definitions.{name}": [
            f"{DEFINITIONS}/test_{each}.py" for each in ("values", "functions", "definitions")
        ]
        for name in (
            "activation",
            "attention",
            "convolution",
            "core",
            "imaging",
            "logic",
            "merging",
            "normalization",
            "operations",
            "pooling",
            "recurrent",
            "resizing",
            "selecting",
            "wrappers",
        )
    },
    "genrebench.porting.tape": ["tests/porting/test_tape.py", "tests/porting/test_primitives.py"],
    "genrebench.porting.kernels": ["tests/porting/test_kernels.py"],
    "genrebench.porting.primitives": ["tests/porting/test_primitives.py"],
    "genrebench.porting.activity": ["tests/porting/test_activity.py"],
    "genrebench.porting.sampling": ["tests/porting/test_sampling.py"],
    "genrebench.evaluation.metrics": ["tests/evaluation/test_metrics.py"],
    "genrebench.system.files": ["tests/system/test_files.py"],
    "genrebench.system.arrays": ["tests/system/test_arrays.py"],
    "genrebench.system.folders": ["tests/system/test_folders.py"],
    "genrebench.system.validation": ["tests/system/test_validation.py"],
    "genrebench.model.storage": ["tests/model/test_storage.py"],
}
# Bytes that a mutant may have: some ask for what they should refuse.
_MEMORY = 4 * 2**30
# What a comparison or an operator is taken for.
OTHERS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.And: ast.Or, ast.Or: ast.And, ast.MatMult: ast.Mult,
}  # fmt: skip


def replacements(node: ast.AST) -> Iterator[ast.AST | None]:
    """List what a node may be taken for; None stands for nothing at all."""
    match node:
        case ast.Compare(ops=[operator]):
            yield _with(node, ops=[OTHERS[type(operator)]()])
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator) if type(operator) in OTHERS:
            yield _with(node, op=OTHERS[type(operator)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield _with(node, value=ast.Constant(None))
        case ast.IfExp() | ast.If() | ast.While():
            yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Continue():
            yield ast.Pass()
        case ast.Call(keywords=keywords):
            for index, keyword in enumerate(keywords):
                if keyword.arg is not None:
                    yield _with(node, keywords=keywords[:index] + keywords[index + 1 :])


def _with(node: ast.AST, **changes: Any) -> ast.AST:
    """Copy a node with some of its fields changed."""
    other = copy.copy(node)
    for name, value in changes.items():
        setattr(other, name, value)
    return other


def _is_none(node: ast.AST) -> bool:
    """Tell whether an expression is None."""
    return isinstance(node, ast.Constant) and node.value is None


def mutants(source: str) -> list[tuple[str, ast.Module]]:
    """List a module's mutants: the line and what became of it, and the tree."""
    found: list[tuple[str, ast.Module]] = []

    def visit(tree: ast.Module, place: list[tuple[str, int | None]], node: ast.AST) -> None:
        """Make the mutants of a node and of what is in it."""
        if isinstance(node, ast.FunctionDef) and node.name == "examples":
            return  # which are what the tests are made of
        for other in replacements(node):
            mutant = copy.deepcopy(tree)
            *way, (name, index) = place
            parent: Any = mutant
            for step, number in way:
                parent = getattr(parent, step) if number is None else getattr(parent, step)[number]
            if index is None:
                setattr(parent, name, other)
            else:
                getattr(parent, name)[index] = other
            before, after = (ast.unparse(each).splitlines()[0] if each else "nothing" for each in (node, other))
            line = getattr(node, "lineno", 0)
            found.append((f"line {line}: {before}  ->  {after}", ast.fix_missing_locations(mutant)))
        for name, value in ast.iter_fields(node):
            # Annotations compute nothing, and bases of a class are no values.
            if name in {"annotation", "returns", "bases", "type_params"}:
                continue
            for index, child in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(child, ast.AST):
                    visit(tree, [*place, (name, index if isinstance(value, list) else None)], child)

    tree = ast.parse(source)
    visit(tree, [], tree)
    return found


class _Mutated(SourceFileLoader):
    """Loads one module from a tree, and finds no other."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        """Keep the tree."""
        super().__init__(name, path)
        self._tree = tree

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find the one module."""
        packages = [self.path.rpartition("/")[0]] if self.path.endswith("__init__.py") else None
        found = spec_from_file_location(fullname, self.path, loader=self, submodule_search_locations=packages)
        return found if fullname == self.name else None

    def get_code(self, fullname: str) -> Any:
        """Compile the tree."""
        return compile(self._tree, self.path, "exec", dont_inherit=True)


def _try(name: str, tree: ast.Module, seconds: int, folder: str, answer: Any) -> None:
    """Run the tests of a module in this process; answer whether they passed, what they loaded, and how long it took."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    path = ROOT / Path(*name.split(".")).with_suffix(".py")
    sys.meta_path.insert(0, _Mutated(name, str(path), tree))
    words = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", f"--basetemp={folder}/tests", *TESTS[name]]
    passed = pytest.main(words) == 0
    if passed:
        os.chdir(folder)
        with contextlib.redirect_stdout(io.StringIO()):
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            passed = doctest.testmod(importlib.import_module(name), optionflags=flags).failed == 0
    loaded = [each for each in sys.modules if not each.startswith(("genrebench", "tests", "experiments"))]
    answer.send((passed, loaded, time.process_time()))


def outcome(name: str, tree: ast.Module, seconds: int = 600) -> tuple[bool, list[str], float] | None:
    """Run the tests of a module in a process of its own; None if that ended before they did."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    folder = tempfile.mkdtemp(prefix="mutant")
    process = context.Process(target=_try, args=(name, tree, seconds, folder, theirs))
    process.start()
    theirs.close()
    try:
        # Waiting is not computing: a mutant that waits for ever is ended, too, however slow the machine is.
        return ours.recv() if ours.poll(20 * seconds) else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()
        shutil.rmtree(folder, ignore_errors=True)


def _load(modules: list[str]) -> None:
    """Load what the tests need of other people's, once for all mutants."""
    for each in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(each)


def main(arguments: list[str]) -> int:
    """Try mutants, and print those that survive."""
    parser = argparse.ArgumentParser(description="Try mutants of modules, and print those that survive.")
    parser.add_argument("modules", nargs="*", help="part of the name of a module; all without one")
    parser.add_argument("--sample", type=int, default=0, help="how many are drawn of them all; 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--at-least", type=float, default=85.0, help="score in percent below which the status is 1")
    parser.add_argument("--again", type=Path, help="what an earlier run printed: only its survivors are tried")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    os.environ |= {"GENREBENCH_TEST_BACKENDS": "torch", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    chosen = [name for name in TESTS if not options.modules or any(each in name for each in options.modules)]
    sources = {name: (ROOT / Path(*name.split(".")).with_suffix(".py")).read_text() for name in chosen}
    limits = {}
    for name, source in sources.items():
        done = outcome(name, ast.parse(source))
        if done is None or not done[0]:
            parser.error(f"{name}: its tests fail without a mutant")
        _load(done[1])
        limits[name] = 10 + 10 * int(done[2])
    cases = [(name, *each) for name, source in sources.items() for each in mutants(source)]
    if options.again:
        earlier = set(re.findall("survived: (.*)", options.again.read_text()))
        cases = [case for case in cases if f"{case[0]} {case[1]}" in earlier]
    drawn = random.Random(options.seed).sample(cases, options.sample) if 0 < options.sample < len(cases) else cases
    # Forking from a process in which threads compute is not safe; these only wait.
    with ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda case: outcome(case[0], case[2], limits[case[0]]), drawn)
        tried, survived, ended = dict.fromkeys(chosen, 0), dict.fromkeys(chosen, 0), 0
        for number, ((name, what, _), done) in enumerate(zip(drawn, results, strict=True), 1):
            tried[name] += 1
            ended += done is None
            if done is not None and done[0]:
                survived[name] += 1
                print(f"{number} of {len(drawn)} survived: {name} {what}", flush=True)
    for name in chosen:
        print(f"{name}: {tried[name] - survived[name]} of {tried[name]} killed")
    killed = len(drawn) - sum(survived.values())
    score = 100 * killed / len(drawn)
    print(f"{killed} of {len(drawn)} killed ({score:.1f} %), {ended} by time or death; {len(cases)} there are")
    return int(score < options.at_least)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
