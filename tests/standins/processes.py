"""The daemon and the networks around it as real processes, for the tests that kill, stop and starve them.

`Site` is one installation in a folder of its own: engine.yaml, rules, templates, state, a log, two stand-in networks.
Nothing of the daemon is replaced; only the addresses of the networks and the pauses of the retries differ.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import httpx
from standins import graph, mattermost
from standins.nursery import Nursery, Process

from engine.control.client import ControlClient
from engine.settings import control_socket

ROOT = Path(__file__).parents[2]
_PATH = f"{ROOT / 'tests'}:{ROOT}"
SECRETS = {
    "ENGINE_CLOUD_ACCESS_TOKEN": graph.TOKEN,
    "ENGINE_CLOUD_APP_SECRET": graph.APP_SECRET,
    "ENGINE_CLOUD_VERIFY_TOKEN": graph.VERIFY_TOKEN,
    "ENGINE_MATTERMOST_TOKEN": mattermost.TOKEN,
}
CONFIG = """\
environment: production
rules: {folder}/rules
templates: {folder}/templates
state: {state}
http: {{listen: "127.0.0.1:{port}"}}
connectors:
  cloud:
    type: whatsapp-cloud
    phone_number_id: "{number}"
    api_url: {graph}
    api_version: v23.0
    per_second: 1000
mattermost: {{url: "{mattermost}", team: support}}
oncall: {{source: static, mention: "@oncall"}}
limits: {{mattermost_per_second: 1000}}
retry: {{base: 100ms, cap: 1s, in_doubt: resend, in_doubt_wait: {in_doubt_wait}}}
"""
# Below the range from which the kernel gives ports to connections: one of those would meet, on a port that nobody
# listens on just now, itself.
# Workers, whose process ids are neighbours, begin far apart.
_PORTS = count(20_000 + os.getpid() * 331 % 12_000)
START_S = 60.0


def free_port() -> int:
    """A port that nobody has and that the kernel gives to nobody by itself."""
    for port in _PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("unreachable: count never ends")


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = 30.0, look_s: float = 0.05) -> None:
    """Look again and again; fail saying what never came true."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"within {patience_s:g} s it never came true that {what}")
        time.sleep(look_s)


def plain_environ() -> dict[str, str]:
    """The environment of processes that are no part of what coverage measures."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COVERAGE", "COV_", "ENGINE_"))}
    return {**kept, "PYTHONPATH": _PATH}


class Standin:
    """A network as a process of its own, which outlives the daemon."""

    def __init__(self, name: str, folder: Path, nursery: Nursery | None = None) -> None:
        self._port = free_port()
        program, arguments = "standins.deadly", [name, "--port", str(self._port)]
        self.process: Process
        with (folder / f"{name}.log").open("w") as log:
            if nursery is not None:
                self.process = nursery.start(
                    program, arguments, environ=plain_environ(), folder=ROOT, log=log, piped=True
                )
            else:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", program, *arguments],
                    env=plain_environ(),
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
        self._http = httpx.Client(trust_env=False, timeout=10)

    def ready(self) -> bool:
        """Wait until it listens; False when it ended instead."""
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        return bool(self.url)

    def recorded(self) -> Any:
        """What took effect there."""
        return self._http.get(f"{self.url}/_recorded").raise_for_status().json()["network"]

    def seen(self) -> list[str]:
        """Every exchange, whether it took effect or not."""
        found: list[str] = self._http.get(f"{self.url}/_recorded").raise_for_status().json()["seen"]
        return found

    def fail(self, on: str, do: str, **details: Any) -> None:
        """Order a fault of `loopback`."""
        self._http.post(f"{self.url}/_faults", json={"on": on, "do": do, **details}).raise_for_status()

    def mend(self) -> None:
        """Forget every order of a fault."""
        self._http.delete(f"{self.url}/_faults").raise_for_status()

    def order(self, **order: Any) -> None:
        """Turn one of the network's own switches."""
        self._http.post(f"{self.url}/_control", json=order).raise_for_status()

    def refuse(self) -> None:
        """Vanish: from now on connections are refused."""
        self.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: not self._listens(), "the network refuses connections")

    def accept(self) -> None:
        """Come back with everything it knew."""
        self.process.send_signal(signal.SIGUSR2)
        wait_until(self._listens, "the network accepts connections")

    def _listens(self) -> bool:
        """Whether a connection can be made, or one from before is still there."""
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                return True
        try:
            self._http.get(f"{self.url}/_recorded")
        except httpx.TransportError:
            return False
        return True

    def close(self) -> None:
        try:
            violated = self.recorded().get("violations")
        except httpx.TransportError:
            violated = None  # it has vanished, or was never ready
        self._http.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert not violated, f"requests against the published contract: {violated}"


@dataclass
class Site:
    """An installation; `folder` must be empty."""

    folder: Path
    graph: Standin
    mattermost: Standin
    port: int
    state: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    # Texts that must stand in no log.
    planted: set[str] = field(default_factory=set)
    process: Process | None = None
    # Where the daemon is made, which then starts in half the time; None, or where it is measured: it starts anew.
    nursery: Nursery | None = None
    # Whether the daemon's coverage is measured, which makes it two to three times slower.
    measured: bool = False
    # It shares the networks of another installation, which closes them.
    guest: bool = False
    # What runs in the place of `engine`.
    program: str = "engine.cli"

    @classmethod
    def build(
        cls,
        folder: Path,
        *,
        in_doubt_wait: str = "3s",
        state: Path | None = None,
        nursery: Nursery | None = None,
        measured: bool = False,
    ) -> Self:
        """Lay the folder out and start the networks; the daemon is not started."""
        for name in ("rules", "templates"):
            shutil.copytree(ROOT / name, folder / name)
        networks = Standin("graph", folder, nursery), Standin("mattermost", folder, nursery)
        if not all(network.ready() for network in networks):
            for network in networks:
                network.close()
            raise AssertionError("a stand-in did not start: its log is in the installation's folder")
        site = cls(folder, *networks, free_port(), state or folder / "state", nursery=nursery, measured=measured)
        site.write_config(in_doubt_wait)
        site.graph.order(callback_url=f"{site.url}/webhooks/cloud", statuses=["sent", "delivered"])
        return site

    def beside(self, name: str, in_doubt_wait: str = "3s", extra: str = "") -> Self:
        """Another node with the same networks and rules, in a folder within this one; it is not started."""
        folder = self.folder / name
        folder.mkdir()
        for part in ("rules", "templates"):
            shutil.copytree(self.folder / part, folder / part)
        networks = self.graph, self.mattermost
        node = type(self)(folder, *networks, free_port(), folder / "state", nursery=self.nursery, guest=True)
        node.write_config(in_doubt_wait, extra)
        return node

    def write_config(self, in_doubt_wait: str = "3s", extra: str = "") -> None:
        """Write engine.yaml."""
        text = CONFIG.format(
            folder=self.folder,
            state=self.state,
            port=self.port,
            number=graph.PHONE_NUMBER_ID,
            graph=self.graph.url,
            mattermost=self.mattermost.url,
            in_doubt_wait=in_doubt_wait,
        )
        self.config.write_text(text + extra, "utf-8")

    @property
    def config(self) -> Path:
        return self.folder / "engine.yaml"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def launch(self, **environ: str) -> None:
        """Start the daemon and return at once."""
        assert self.process is None, "it runs already"
        arguments = ["run", "--config", str(self.config), "--log-level", "DEBUG"]
        kept = plain_environ()
        if self.measured:
            kept |= {key: value for key, value in os.environ.items() if key.startswith("COV")}
        kept |= {**self.environ, **environ}
        with self.log.open("ab") as log:
            if self.nursery is not None and not self.measured:
                self.process = self.nursery.start(self.program, arguments, environ=kept, folder=ROOT, log=log)
            else:
                command = [sys.executable, "-m", self.program, *arguments]
                self.process = subprocess.Popen(command, cwd=ROOT, env=kept, stdout=log, stderr=log)

    def start(self, **environ: str) -> None:
        """Start the daemon and wait until it takes messages."""
        self.launch(**environ)
        wait_until(self.is_started, "the daemon has started", START_S)

    def is_started(self) -> bool:
        """Whether /startupz says so; fails when the process has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.logged()[-4000:]}")
        try:
            return httpx.get(f"{self.url}/startupz", trust_env=False, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, patience_s: float = 30.0) -> int:
        """Wait until the daemon has ended; its exit code."""
        assert self.process is not None
        code = self.process.wait(patience_s)
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL."""
        self.signal(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL

    def die(self) -> None:
        """SIGKILL, and at once a new start."""
        self.kill()
        self.start()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `engine …` against this installation, as an operator would: without any secret."""
        return engine(*arguments, "--config", str(self.config))

    def get(self, path: str) -> httpx.Response:
        """GET from the daemon."""
        return httpx.get(f"{self.url}{path}", trust_env=False, timeout=10)

    def readiness(self) -> Any:
        """The answer of /readyz."""
        return self.get("/readyz").json()

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = self.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def status(self) -> dict[str, Any]:
        """What `engine status` is told."""
        return dict(ControlClient(control_socket(self.state)).status())

    def is_idle(self) -> bool:
        """Whether nothing is undecided or under way."""
        status = self.status()
        counts = [states.get(state, 0) for states in status["deliveries"].values() for state in ("queued", "sending")]
        return not status["unrouted"] and not any(counts)

    def sent(self) -> list[dict[str, Any]]:
        """What clients got."""
        found: list[dict[str, Any]] = self.graph.recorded()["sent"]
        return found

    def channel_id(self, name: str) -> str:
        """The id of a channel at Mattermost."""
        answer = httpx.get(
            f"{self.mattermost.url}/api/v4/teams/t/channels/name/{name}",
            headers={"authorization": f"Bearer {mattermost.TOKEN}"},
            trust_env=False,
        )
        return str(answer.raise_for_status().json()["id"])

    def posts(self) -> list[dict[str, Any]]:
        """What engineers got, oldest first."""
        found: list[dict[str, Any]] = self.mattermost.recorded()["posts"]
        return found

    def logged(self) -> str:
        """Everything that the daemon wrote to stdout and stderr so far, in all of its lives."""
        return self.log.read_text("utf-8") if self.log.exists() else ""

    def records(self) -> list[dict[str, Any]]:
        """The log's lines as JSON; fails on anything else that the daemon printed."""
        return [json.loads(line) for line in self.logged().splitlines()]

    def close(self) -> None:
        """End every process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        if not self.guest:
            self.graph.close()
            self.mattermost.close()

    def leaks(self) -> list[str]:
        """Planted texts and secrets that stand in the log, and tracebacks."""
        written = self.logged()
        return sorted(text for text in {*self.planted, *SECRETS.values(), "Traceback"} if text in written)


def engine(
    *arguments: str, environ: Mapping[str, str] | None = None, through: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run `engine …` to its end; `through` is a command that runs another."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ENGINE_")}
    return subprocess.run(
        [*through, sys.executable, "-m", "engine.cli", *arguments],
        cwd=ROOT,
        env={**kept, "COLUMNS": "200", **(environ or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
