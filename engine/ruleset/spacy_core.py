"""spaCy's `PhraseMatcher`, `Doc` and `Vocab`, without the rest of spaCy; the only module that imports it.

`keywords` needs three compiled classes. `import spacy` brings pipelines, training, a command line and a hundred
neural layers with them and takes a second, which a support lead would wait for at every `engine validate`. So the
classes are imported below a package `spacy` that runs no `__init__`, with `thinc.api` and `spacy.schemas` answering
from their parts (spaCy 3.8.18, thinc 8.3: 0.3 s instead of 0.75 s).

Nothing of that stays behind: whoever imports spaCy later in the same process gets the real one, made whole around the
parts that are there already. Where the short way fails, as another version of spaCy may make it, the long one is taken.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

__all__ = ["ORTH", "Doc", "PhraseMatcher", "Vocab"]

# Packages whose `__init__` imports what nobody here needs.
_BARE = ("spacy", "spacy.matcher")
# Where spaCy's core finds what it takes from thinc.api, which imports every layer there is.
_THINC_PARTS = ("thinc.util", "thinc.backends", "thinc.config", "thinc.model", "thinc.optimizers", "thinc.schedules")
# In this order: spaCy's modules import each other in circles.
_CORE = ("spacy.tokens", "spacy.vocab", "spacy.matcher.phrasematcher", "spacy.attrs")


class _ThincApi(ModuleType):
    """`thinc.api`, whose names are looked up in thinc's parts."""

    def __getattr__(self, name: str) -> Any:
        for part in _THINC_PARTS:
            found = getattr(importlib.import_module(part), name, None)
            if found is not None:
                return found
        raise AttributeError(name)


class _Schemas(ModuleType):
    """`spacy.schemas`, whose models are built when one is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get("spacy.schemas") is not self:
            return getattr(importlib.import_module("spacy.schemas"), name)

        def later(*given: Any, **named: Any) -> Any:
            return getattr(self, name)(*given, **named)

        return later


class _Completing(importlib.abc.Loader):
    """Runs a package's `__init__` after telling the package which of its modules are there already.

    Python tells a package of a module only when it imports the module, which happened below the bare package.
    """

    def __init__(self, real: importlib.abc.Loader) -> None:
        self._real = real

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """As the package's own loader does."""
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the package's own loader does, which is the package's loader from then on."""
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        for name, found in list(sys.modules.items()):
            package, _, own = name.rpartition(".")
            if package == module.__name__:
                setattr(module, own, found)
        self._real.exec_module(module)


class _RealPackages(importlib.abc.MetaPathFinder):
    """Finds the packages that were bare."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The package with its own `__init__`; None for everything else."""
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if fullname in _BARE else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Completing(spec.loader)
        return spec


@contextmanager
def _bare_packages(root: str) -> Iterator[None]:
    """While it lasts, spaCy's modules can be imported one by one from the folder `root`."""
    stand_ins: dict[str, ModuleType] = {
        "spacy": ModuleType("spacy"),
        "spacy.matcher": ModuleType("spacy.matcher"),
        "spacy.schemas": _Schemas("spacy.schemas"),
        "thinc.api": _ThincApi("thinc.api"),
    }
    stand_ins["spacy"].__path__ = [root]
    stand_ins["spacy.matcher"].__path__ = [f"{root}/matcher"]
    absent = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name, module in absent.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _import_core() -> bool:
    """Import what is needed without the rest; False when this spaCy cannot be taken apart so."""
    spec = importlib.machinery.PathFinder.find_spec("spacy")
    if "spacy" in sys.modules or spec is None or not spec.submodule_search_locations:
        return False
    before = set(sys.modules)
    try:
        with _bare_packages(spec.submodule_search_locations[0]):
            for name in _CORE:
                importlib.import_module(name)
    except (ImportError, AttributeError, TypeError):
        # Half of spaCy is worse than none; its compiled modules cannot be imported twice, and need not be.
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "spacy" and not _is_compiled(sys.modules[name]):
                del sys.modules[name]
        return False
    finally:
        sys.meta_path.insert(0, _RealPackages())
    return True


def _is_compiled(module: ModuleType) -> bool:
    return isinstance(module.__spec__ and module.__spec__.loader, importlib.machinery.ExtensionFileLoader)


if _import_core():
    ORTH = sys.modules["spacy.attrs"].ORTH
    Doc = sys.modules["spacy.tokens"].Doc
    Vocab = sys.modules["spacy.vocab"].Vocab
    PhraseMatcher = sys.modules["spacy.matcher.phrasematcher"].PhraseMatcher
else:
    from spacy.attrs import ORTH  # type: ignore[no-redef]
    from spacy.matcher import PhraseMatcher
    from spacy.tokens import Doc
    from spacy.vocab import Vocab
