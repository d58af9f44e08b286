"""Where the plain contenders are: the scripts that one would write first."""

from pathlib import Path

import genrebench
from genrebench.errors import ConfigError


def plain_script(name: str) -> Path:
    """Find a plain script.

    Parameters
    ----------
    name : str
        Its name without extension, such as ``train_torch``.

    Returns
    -------
    Path
        The script, in ``experiments/plain/`` of a checkout or beside this module in an installed package.

    Raises
    ------
    ConfigError
        If it is in neither place.
    """
    package = Path(genrebench.__file__).parent
    for folder in (package.parent / "experiments" / "plain", package / "bench" / "scripts"):
        if (folder / f"{name}.py").is_file():
            return folder / f"{name}.py"
    raise ConfigError(f"experiments/plain/{name}.py: expected the plain contender, found none; use a whole checkout")
