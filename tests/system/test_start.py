"""How the daemon starts, and how it refuses to: one sentence that says what to do, an exit code, never a traceback."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from standins.clients import ACKNOWLEDGEMENT, Meta, Writer, plant, settled
from standins.processes import SECRETS, Site, engine, wait_until

pytestmark = pytest.mark.system
NOT_PERMITTED, UNUSABLE = 77, 78


def run(site: Site, **environ: str) -> subprocess.CompletedProcess[str]:
    """`engine run` that must end by itself."""
    return engine("run", "--config", str(site.config), environ={**site.environ, **environ})


def test_every_missing_secret_is_named(build: Callable[..., Site]) -> None:
    """Without secrets the daemon exits 78 and says where it looked for each."""
    site = build(measured=True)
    site.environ = {"ENGINE_CLOUD_APP_SECRET": SECRETS["ENGINE_CLOUD_APP_SECRET"]}
    ended = run(site)
    assert ended.returncode == UNUSABLE
    assert ended.stderr == (
        "engine: 3 secrets cannot be had:\n"
        + "\n".join(
            f"  {name}: there is no systemd credential {name}, and neither ENGINE_{name.upper()}_FILE nor "
            f"ENGINE_{name.upper()} is set"
            for name in ("cloud_access_token", "cloud_verify_token", "mattermost_token")
        )
        + "\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("type: whatsapp-cloud", "type: telegraf", 'there is no connector type "telegraf"', id="connector"),
        pytest.param(
            "retry: ",
            "services: {noc: {type: pager}}\nretry: ",
            'there is no service type "pager"',
            id="service",
        ),
        pytest.param("environment: production", "\tx", "engine.yaml:1:1", id="no YAML"),
        pytest.param("retry: ", "rety: ", 'did you mean "retry"?', id="unknown key"),
    ],
)
def test_an_unusable_configuration_is_shown_with_its_place(
    build: Callable[..., Site], old: str, new: str, said: str
) -> None:
    """A configuration that cannot be used ends with 78 and points at the line."""
    site = build(measured=True)
    site.config.write_text(site.config.read_text("utf-8").replace(old, new), "utf-8")
    ended = run(site)
    assert (ended.returncode, "Traceback" in ended.stderr) == (UNUSABLE, False)
    assert said in ended.stderr
    assert f"{site.config}:" in ended.stderr


def test_a_configuration_that_is_not_there_is_named(build: Callable[..., Site]) -> None:
    """Without engine.yaml the daemon exits 78 and names the file."""
    site = build(measured=True)
    site.config.unlink()
    ended = run(site)
    assert (ended.returncode, "Traceback" in ended.stderr) == (UNUSABLE, False)
    assert str(site.config) in ended.stderr


def test_a_port_that_another_program_has_is_named(build: Callable[..., Site]) -> None:
    """The daemon exits 78, names the address and gives its journal up."""
    site = build(measured=True)
    with socket.create_server(("127.0.0.1", site.port)):
        ended = run(site)
    assert ended.returncode == UNUSABLE
    assert "Traceback" not in ended.stderr
    assert (
        f"engine: cannot listen on 127.0.0.1:{site.port}: another program does (a second engine?); stop it or choose "
        "another port\n"
    ) in ended.stderr


def test_a_second_daemon_on_the_same_state_is_refused(site: Site) -> None:
    """The second one exits 78 and the first one goes on."""
    site.write_config()
    text = site.config.read_text("utf-8")
    site.config.write_text(text.replace(f":{site.port}", ":0"), "utf-8")
    ended = run(site)
    assert (ended.returncode, "Traceback" in ended.stderr) == (UNUSABLE, False)
    assert f"the journal {site.state}/journal.db is in use by another process" in ended.stderr
    assert site.readiness() == {"ready": True, "failing": []}
    assert site.command("status").returncode == 0


async def test_broken_rules_start_with_the_last_good_ones_or_not_at_all(build: Callable[..., Site]) -> None:
    """Broken rules end with 78 and every finding; with a last good set the daemon works by that and says so."""
    site = build(measured=True)
    file = site.folder / "rules" / "10-telephony.yaml"
    good = file.read_text("utf-8")
    broken = good.replace("priority: high", "priority: hihg", 2)
    file.write_text(broken, "utf-8")
    ended = run(site)
    assert (ended.returncode, "Traceback" in ended.stderr) == (UNUSABLE, False)
    assert ended.stderr.count('did you mean "high"?') == 2
    assert "there is no last good set" in ended.stderr

    file.write_text(good, "utf-8")
    site.start()
    assert site.stop() == 0
    file.write_text(broken, "utf-8")
    site.start()
    writers = [Writer(0)]
    plant(site, writers)
    async with Meta(site) as meta:
        await meta.deliver(writers[0].notification(0))
    assert settled(site, writers, 1).faults == ()
    assert site.metric("engine_rules_reload_ok") == 0
    assert site.status()["rulesProblem"] == "the rule files are broken; the last good set is in force"
    (loud,) = [record for record in site.records() if record["level"] == "critical"]
    assert loud["message"].startswith("STARTED WITH THE LAST GOOD RULES")


def test_a_state_folder_that_cannot_be_written_is_named(build: Callable[..., Site]) -> None:
    """The daemon exits 77, the code for which systemd does not start it again, and names the file."""
    site = build(measured=True)
    site.state.mkdir(mode=0o500)
    ended = engine("run", "--config", str(site.config), environ=site.environ, through=unprivileged())
    assert ended.returncode == NOT_PERMITTED
    assert "Traceback" not in ended.stderr
    assert f"engine: the journal {site.state}/journal.db cannot be written (Permission denied)" in ended.stderr


def test_a_configuration_that_cannot_be_read_is_named(build: Callable[..., Site]) -> None:
    """The daemon exits 77 and names the file."""
    site = build(measured=True)
    site.config.chmod(0o000)
    ended = engine("run", "--config", str(site.config), environ=site.environ, through=unprivileged())
    assert (ended.returncode, "Traceback" in ended.stderr) == (NOT_PERMITTED, False)
    assert str(site.config) in ended.stderr


def unprivileged() -> list[str]:
    """A command that takes root's right to ignore permissions away from another."""
    if os.geteuid() != 0:
        return []
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("root obeys permissions only through setpriv, which is not there")
    return [program, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


def test_systemd_is_told_each_step(build: Callable[..., Site], tmp_path: Path) -> None:
    """READY when messages are taken, WATCHDOG while all is well, RELOADING and READY around a reload, STOPPING last."""
    site = build(measured=True)
    told: list[dict[str, str]] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(0.2)

        def hear(word: str) -> bool:
            try:
                told.append(dict(line.split("=", 1) for line in manager.recv(4096).decode().splitlines()))
            except TimeoutError:
                return False
            return word in told[-1]

        site.launch(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="1000000")
        wait_until(lambda: hear("READY"), "it is ready", 60)
        assert site.get("/startupz").status_code == 200
        wait_until(lambda: hear("WATCHDOG"), "the watchdog is fed")
        assert site.command("reload").returncode == 0
        wait_until(lambda: hear("RELOADING"), "a reload begins")
        assert told[-1]["MONOTONIC_USEC"].isdigit()
        wait_until(lambda: hear("READY"), "it is ready again")
        assert told[-1]["STATUS"].startswith("routing with ")
        wait_until(lambda: hear("WATCHDOG"), "the watchdog is fed")
        assert site.stop() == 0
        wait_until(lambda: hear("STOPPING"), "it stops")
    # The order of everything but the watchdog's beats.
    steps = [next(iter(each)) for each in told if "WATCHDOG" not in each]
    assert steps == ["READY", "RELOADING", "READY", "STOPPING"]


def test_the_demo_shows_the_main_job() -> None:
    """`engine demo` ends 0 and shows the first ticket with its summary, its priority and both texts."""
    ended = engine("demo")
    assert (ended.returncode, ended.stderr) == (0, "")
    for shown in (
        "-0001",
        "3CX outbound calls failing",
        "high",
        ACKNOWLEDGEMENT.format(name="Jackson"),
        "New WhatsApp Client Request",
        "Action: @oncall please check WhatsApp and respond to the client now.",
    ):
        assert shown in ended.stdout
