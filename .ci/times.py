"""Write tests/times.json: how long a case of each test took, by the report of a run of pytest.

python -m pytest --junitxml=times.xml
python .ci/times.py times.xml
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

# Shorter ones are not worth a line.
LEAST = 0.05


def main() -> None:
    """Read the report that is named, and write the list."""
    seconds = defaultdict(list)
    for case in ElementTree.parse(sys.argv[1]).getroot().iter("testcase"):
        file = "/".join(case.attrib["classname"].split(".")[1:])
        seconds[f"{file}.py::{case.attrib['name'].partition('[')[0]}"].append(float(case.attrib["time"]))
    means = {name: round(sum(each) / len(each), 2) for name, each in sorted(seconds.items())}
    kept = {name: mean for name, mean in means.items() if mean >= LEAST}
    (Path(__file__).parents[1] / "tests" / "times.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
