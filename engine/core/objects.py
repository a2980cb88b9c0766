"""A JSON object as Python has it: what its makers and readers name in their signatures. Imports nothing, so that
whoever only passes one on does not pay for the checks of `contracts`.
"""

from typing import Any

Json = dict[str, Any]
