"""Where the starter rules and templates are: inside an installed wheel, or at the top of a source checkout."""

from pathlib import Path

_HERE = Path(__file__).parent


def starter_folder(part: str) -> Path:
    """The folder of one part, `rules` or `templates`."""
    shipped = _HERE / part
    return shipped if shipped.is_dir() else _HERE.parents[1] / part
