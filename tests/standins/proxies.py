"""nginx and Caddy with the configurations of deploy/ on loopback, and a stand-in for the engine behind them.

Places and ports are replaced, each of them once found, and nothing else: what is tested is what is shipped.
"""

import contextlib
import http.client
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

from standins.tools import output_of, tool

_DEPLOY = Path(__file__).parents[2] / "deploy"
_NAME = "support.example.org"
_PATIENCE_S = 10.0
_GLANCE_S = 0.02


@dataclass(frozen=True, slots=True)
class Upstream:
    """Stands where the engine would listen, answers 200 to everything and keeps what it was asked."""

    port: int
    # Method and target, in the order of arrival.
    seen: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy that listens on a port of this machine."""

    port: int
    trust: ssl.SSLContext
    # Where its logs are.
    folder: Path

    def ask(self, method: str, target: str, body: bytes = b"") -> int:
        """The status of one request on a connection of its own; `target` is sent as it stands."""
        connection = http.client.HTTPConnection(_NAME, self.port, timeout=_PATIENCE_S)
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_S)
        connection.sock = self.trust.wrap_socket(raw, server_hostname=_NAME)
        with contextlib.closing(connection):
            # A proxy may answer, and close, before it has read a body that is too large.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                connection.request(method, target, body)
            return connection.getresponse().status

    def logged_once(self, part: str) -> str:
        """Everything that the proxy wrote, as soon as `part` is in it."""
        deadline = time.monotonic() + _PATIENCE_S
        while part not in (text := _written(self.folder)):
            assert time.monotonic() < deadline, f"{part!r} never came into the logs:\n{text}"
            time.sleep(_GLANCE_S)
        return text


class ProxyRunner(Protocol):
    """Runs a proxy in an empty folder, in front of a port, with more replacements in its configuration."""

    def __call__(
        self, folder: Path, certificate: Path, upstream_port: int, changes: Mapping[str, str] = ..., /
    ) -> AbstractContextManager[Proxy]:
        """The proxy, which answers until the block ends."""
        ...


def make_certificate(folder: Path) -> None:
    """Write a self-signed `cert.pem` and its `key.pem`."""
    output_of(
        *(tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "2"),
        *("-subj", f"/CN={_NAME}", "-addext", f"subjectAltName=DNS:{_NAME}"),
    )


@contextlib.contextmanager
def run_upstream() -> Iterator[Upstream]:
    """The stand-in for the engine."""
    seen: list[tuple[str, str]] = []

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append((self.command, self.path))
            self.rfile.read(int(self.headers.get("content-length", "0")))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Leave the test's output alone."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _GLANCE_S})
        thread.start()
        yield Upstream(server.server_address[1], seen)
        server.shutdown()
        thread.join()


def unused_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def check_nginx(folder: Path, certificate: Path) -> str:
    """What `nginx -t` says about deploy/nginx.conf."""
    return output_of(*_nginx_command(folder, _certified(certificate, folder)), "-t")


def check_caddy(folder: Path) -> str:
    """What `caddy validate` says about deploy/Caddyfile."""
    command = (tool("caddy"), "validate", "--adapter", "caddyfile", "--config", str(_DEPLOY / "Caddyfile"))
    return output_of(*command, environ=_home(folder))


@contextlib.contextmanager
def nginx(
    folder: Path, certificate: Path, upstream_port: int, changes: Mapping[str, str] | None = None, /
) -> Iterator[Proxy]:
    """nginx with deploy/nginx.conf; its port 80 is left out."""
    port = unused_port()
    places = {
        **_certified(certificate, folder),
        "\tlisten 80;\n\tlisten [::]:80;\n": f"\tlisten unix:{folder}/80.sock;\n",
        "\tlisten 443 ssl;\n\tlisten [::]:443 ssl;\n": f"\tlisten 127.0.0.1:{port} ssl;\n",
        "127.0.0.1:8080": f"127.0.0.1:{upstream_port}",
    }
    command = _nginx_command(folder, {**places, **(changes or {})})
    with _running(command, {}, folder, port):
        yield Proxy(port, _trust(certificate), folder)


@contextlib.contextmanager
def caddy(
    folder: Path, certificate: Path, upstream_port: int, changes: Mapping[str, str] | None = None, /
) -> Iterator[Proxy]:
    """Caddy with deploy/Caddyfile, a certificate of ours and no port 80."""
    port = unused_port()
    places = {
        "\n{\n\tservers {": "\n{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {",
        f"\n{_NAME} {{\n": (
            f"\nhttps://{_NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate}/cert.pem {certificate}/key.pem\n"
        ),
        "/var/log/caddy": str(folder),
        "127.0.0.1:8080": f"127.0.0.1:{upstream_port}",
    }
    configuration = folder / "Caddyfile"
    configuration.write_text(_patched(_DEPLOY / "Caddyfile", {**places, **(changes or {})}))
    command = (tool("caddy"), "run", "--adapter", "caddyfile", "--config", str(configuration))
    with _running(command, _home(folder), folder, port):
        yield Proxy(port, _trust(certificate), folder)


def _certified(certificate: Path, folder: Path) -> Mapping[str, str]:
    return {
        f"/etc/letsencrypt/live/{_NAME}/fullchain.pem": f"{certificate}/cert.pem",
        f"/etc/letsencrypt/live/{_NAME}/privkey.pem": f"{certificate}/key.pem",
        "/var/log/nginx": str(folder),
    }


def _nginx_command(folder: Path, places: Mapping[str, str]) -> tuple[str, ...]:
    """nginx in the foreground; what Debian's own main configuration would say, with every path in `folder`."""
    (folder / "engine.conf").write_text(_patched(_DEPLOY / "nginx.conf", places))
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "main.conf"
    main.write_text(
        f"pid {folder}/nginx.pid;\ndaemon off;\nerror_log {folder}/main.error.log;\n"
        f"events {{}}\nhttp {{\n{temporary}include {folder}/engine.conf;\n}}\n"
    )
    return (tool("nginx"), "-p", str(folder), "-e", f"{folder}/main.error.log", "-c", str(main))


def _patched(path: Path, places: Mapping[str, str]) -> str:
    text = path.read_text()
    for old, new in places.items():
        assert old in text, f"{path.name} no longer says {old!r}"
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def _running(command: tuple[str, ...], environ: Mapping[str, str], folder: Path, port: int) -> Iterator[None]:
    """The process while it listens on the port; it is asked to end, and waited for, after the block."""
    with (folder / "said.log").open("wb") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env={"PATH": "/usr/bin:/bin", **environ}
        )
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not _listens(port):
            assert process.poll() is None, f"it ended:\n{_written(folder)}"
            assert time.monotonic() < deadline, f"it does not listen:\n{_written(folder)}"
            time.sleep(_GLANCE_S)
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(_PATIENCE_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _written(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.log")))


def _trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate / "cert.pem"))


def _home(folder: Path) -> Mapping[str, str]:
    """Where Caddy keeps what it remembers."""
    return {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}
