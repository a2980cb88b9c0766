"""The scripts of deploy/: without a fault that shellcheck knows, and able to find or get a Python on any machine."""

import importlib.metadata
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from standins.tools import output_of, tool

_ROOT = Path(__file__).parents[2]
_SETUP = _ROOT / "deploy" / "setup.sh"
_SCRIPTS = [*sorted((_ROOT / "deploy").glob("*.sh")), _ROOT / ".ci" / "run"]
# What setup.sh needs of the system besides Python and apt.
_SYSTEM = ("bash", "cat", "cut", "dirname", "grep", "mktemp", "rm", "sha256sum")
_PATIENCE_S = 30
# Each stands for an interpreter by its answers to what setup.sh asks: does it run and is it new enough, can it make
# virtual environments, and which version is it.
_INTERPRETERS = {
    "works": "exit 0",
    "old": 'case "$2" in *version_info*) exit 1 ;; esac',
    "broken": "exit 127",
    "without venv": 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo python3.12-venv ;; esac',
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A folder that stands for everything in PATH."""

    path: Path

    @classmethod
    def bare(cls, folder: Path) -> "Machine":
        """The system's own programs and nothing else."""
        for name in _SYSTEM:
            (folder / name).symlink_to(tool(name))
        return cls(folder)

    def add(self, name: str, state: str) -> None:
        """Put an interpreter there: the answers that setup.sh asks a Python for."""
        self._program(name, _INTERPRETERS[state])

    def chosen(self) -> str:
        """The name of the interpreter that setup.sh finds."""
        done = self._setup('find_python && printf "%s" "$python"')
        assert done.returncode == 0, done.stderr
        return Path(done.stdout).name

    def install(self, archive: str, user: int) -> tuple[int, str, str]:
        """Run the installation with apt's archive of those packages: exit code, what it said, what apt installed."""
        log = self.path / "installed"
        log.write_text("")
        works = _INTERPRETERS["works"].replace("'", "'\\''")
        self._program("apt-cache", f'case " {archive} " in *" $3 "*) echo "Package: $3" ;; esac')
        # The last argument of `apt-get install` is the package: its Python is there from then on.
        self._program(
            "apt-get",
            f'for last; do :; done\ncase "$*" in *" install "*) printf %s "$last" >"{log}"\n'
            f"printf '%s\\n' '#!/bin/sh' '{works}' >\"{self.path}/${{last%-venv}}\"\n"
            f'chmod 755 "{self.path}/${{last%-venv}}" ;; esac',
        )
        (self.path / "chmod").symlink_to(tool("chmod"))
        done = self._setup("find_python || install_python", user)
        return done.returncode, done.stderr, log.read_text()

    def bring_libmagic(self, user: int, *, archived: bool = True) -> tuple[int, str, str]:
        """Run that part of the set-up where the library is missing: exit code, what it said, what apt installed."""
        log = self.path / "installed"
        log.write_text("")
        self._program(".venv/bin/python", f'test -s "{log}"')
        self._program(
            "apt-get",
            f'for last; do :; done\ncase "$*" in *" install "*) {"" if archived else "exit 100;"} '
            f'printf %s "$last" >"{log}" ;; esac',
        )
        done = self._setup("has_libmagic || install_libmagic; has_libmagic || install_libmagic", user)
        return done.returncode, done.stderr, log.read_text()

    def _program(self, name: str, script: str) -> None:
        program = self.path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def _setup(self, command: str, user: int = 0) -> "subprocess.CompletedProcess[str]":
        # bash lets nobody assign EUID, so whoever runs these tests, the script asks a variable of ours.
        script = _SETUP.read_text().replace("EUID", "USER_OF_THE_TEST")
        (self.path / "deploy").mkdir()
        (self.path / "deploy" / "setup.sh").write_text(script)
        return subprocess.run(
            [self.path / "bash", "-c", f'. "$1"; {command}', "bash", self.path / "deploy" / "setup.sh"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
            env={"PATH": str(self.path), "TMPDIR": str(self.path), "USER_OF_THE_TEST": str(user)},
        )


@pytest.mark.system
@pytest.mark.parametrize("script", _SCRIPTS, ids=lambda script: script.name)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    """Quoting, arrays and exit codes follow the rules."""
    assert output_of(tool("shellcheck"), "-x", str(script)) == ""


def test_exactly_what_is_needed_is_pinned() -> None:
    """constraints.txt has one version for each package that pyproject.toml asks for, directly or not, and no other."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    asked = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["test"],
    ]
    assert set(_pins()) == _needed(asked)


def test_the_tests_run_with_the_pinned_versions() -> None:
    """What constraints.txt says is what these tests were run with."""
    assert {name: importlib.metadata.version(name) for name in _pins()} == _pins()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that has no Python yet."""
    return Machine.bare(tmp_path)


@pytest.mark.system
def test_the_first_python_that_will_do_is_taken(machine: Machine) -> None:
    """`python3` comes before the others when it is new enough."""
    machine.add("python3", "works")
    machine.add("python3.12", "works")
    assert machine.chosen() == "python3"


@pytest.mark.system
@pytest.mark.parametrize("fault", ["old", "broken", "without venv"])
def test_a_python_that_will_not_do_is_passed_over(machine: Machine, fault: str) -> None:
    """One that is too old, a pyenv shim that does not run and one without its venv module are no hindrance."""
    machine.add("python3", fault)
    machine.add("python3.13", "old")
    machine.add("python3.11", "works")
    assert machine.chosen() == "python3.11"


@pytest.mark.system
@pytest.mark.parametrize(
    ("present", "archive", "installed"),
    [
        pytest.param({"python3": "old"}, "python3.11-venv", "python3.11-venv", id="Ubuntu 22.04"),
        pytest.param({"python3": "without venv"}, "python3.11-venv python3.13-venv", "python3.12-venv", id="no venv"),
        pytest.param({}, "python3.11-venv python3.12-venv", "python3.12-venv", id="nothing at all"),
    ],
)
def test_root_gets_the_python_that_is_missing(
    machine: Machine, present: dict[str, str], archive: str, installed: str
) -> None:
    """Root's run asks apt for the venv module of the Python at hand, else for the newest Python there is."""
    for name, state in present.items():
        machine.add(name, state)
    assert machine.install(archive, user=0) == (0, f"==> Installing {installed}\n", installed)


@pytest.mark.system
def test_anybody_else_is_told_what_to_install(machine: Machine) -> None:
    """Without root nothing is installed; the message is the command that an administrator types."""
    assert machine.install("python3.11-venv", user=1000) == (
        1,
        """\
setup: no Python from 3.11 to 3.14 with its venv module is in PATH; run this first:
  sudo apt-get update && sudo apt-get install python3.11-venv
""",
        "",
    )


@pytest.mark.system
def test_an_archive_without_a_python_is_said_plainly(machine: Machine) -> None:
    """Where the system has no Python that will do, the set-up ends with the way to get one."""
    assert machine.install("", user=0) == (
        1,
        """\
setup: this system's archive has no Python from 3.11 to 3.14; on Ubuntu 22.04 it is in "universe":
  sudo add-apt-repository universe
""",
        "",
    )


@pytest.mark.system
def test_root_gets_the_library_of_the_connector_for_whatsapp_web(machine: Machine) -> None:
    """It is installed once, where it is missing."""
    assert machine.bring_libmagic(user=0) == (0, "==> Installing libmagic1\n", "libmagic1")


@pytest.mark.system
def test_anybody_else_is_told_to_install_that_library(machine: Machine) -> None:
    """The set-up goes on without it: the other connectors do not need it."""
    code, said, installed = machine.bring_libmagic(user=1000)
    assert (code, installed) == (0, "")
    assert said == 2 * (
        "setup: libmagic.so.1 is not on this system, and the connector for WhatsApp Web needs it; before you use that, "
        "run\n  sudo apt-get update && sudo apt-get install libmagic1\n"
    )


@pytest.mark.system
def test_an_archive_without_that_library_does_not_end_the_set_up(machine: Machine) -> None:
    """What apt said is shown, and then what to do."""
    code, said, installed = machine.bring_libmagic(user=0, archived=False)
    assert (code, installed) == (0, "")
    assert said.startswith("==> Installing libmagic1\nfailed with exit status 100: apt_get install")
    assert said.endswith("sudo apt-get install libmagic1\n")


def _pins() -> dict[str, str]:
    lines = (_ROOT / "deploy" / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def _needed(requirements: Sequence[str]) -> set[str]:
    """The packages that these bring, by the metadata of what is installed."""
    waiting = [Requirement(one) for one in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        one = waiting.pop()
        for extra in ("", *one.extras):
            name = canonicalize_name(one.name)
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            further = map(Requirement, importlib.metadata.requires(name) or ())
            waiting += [each for each in further if each.marker is None or each.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}
