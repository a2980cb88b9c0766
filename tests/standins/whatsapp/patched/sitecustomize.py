"""Lets the unmodified neonize of this process, and of every process that it starts, trust the stand-in's certificates.

Python imports this module at its start, because the stand-in puts the folder first on PYTHONPATH. As soon as neonize's
library is loaded, the 32 bytes of the key that it checks the service's certificates with are overwritten in this
process's memory; the files stay as they are. Nothing else about neonize is changed.
"""

import ctypes
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

_LOADS_THE_LIBRARY = "neonize._binder"
_FROM = os.environ.get("WHATSAPP_STANDIN_KEY", "")
_TO = os.environ.get("WHATSAPP_STANDIN_ROOT", "")


class _Finder(importlib.abc.MetaPathFinder):
    """Has the key overwritten right after the one module was executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _LOADS_THE_LIBRARY:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_overwrite(module: ModuleType) -> None:
                execute(module)
                _overwrite(bytes.fromhex(_FROM), bytes.fromhex(_TO))

            spec.loader.exec_module = execute_and_overwrite  # type: ignore[method-assign]
        return spec


def _overwrite(old: bytes, new: bytes) -> None:
    hits = []
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        area, rights, *_, name = line.split()
        if "neonize-" not in name or "w" not in rights:
            continue
        low, high = (int(end, 16) for end in area.split("-"))
        memory = ctypes.string_at(low, high - low)
        at = memory.find(old)
        while at >= 0:
            hits.append(low + at)
            at = memory.find(old, at + 1)
    if len(hits) != 1:
        _give_up(f"the key of WhatsApp's certificates stands {len(hits)} times in neonize's library, not once")
    ctypes.memmove(hits[0], new, len(new))


def _give_up(why: str) -> NoReturn:
    raise RuntimeError(f"{why}: the stand-in for WhatsApp Web does not know this version")


if _FROM and _TO:
    sys.meta_path.insert(0, _Finder())
