"""Print how much of the code the tests reach, and fail below the thresholds: python .ci/thresholds.py coverage.json."""

import json
import sys
from pathlib import Path

THRESHOLDS = {"lines": 95.0, "branches": 90.0}

totals = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["totals"]
reached = {
    "lines": 100 * totals["covered_lines"] / totals["num_statements"],
    "branches": 100 * totals["covered_branches"] / totals["num_branches"],
}
for name, share in reached.items():
    print(f"{name}: {share:.1f} % covered, at least {THRESHOLDS[name]:g} % expected")
sys.exit(any(share < THRESHOLDS[name] for name, share in reached.items()))
