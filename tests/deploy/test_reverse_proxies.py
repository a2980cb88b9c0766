"""deploy/nginx.conf and deploy/Caddyfile, run by the real programs: TLS in front, the webhooks behind, nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from standins.proxies import (
    Proxy,
    ProxyRunner,
    Upstream,
    caddy,
    check_caddy,
    check_nginx,
    make_certificate,
    nginx,
    run_upstream,
    unused_port,
)

pytestmark = pytest.mark.system

# Stands in for the verify token of a webhook: it travels in the query and must not reach any log.
_PLANTED = "planted-verify-token"
_MEBIBYTE = 1024 * 1024
_PROXIES: dict[str, ProxyRunner] = {"nginx": nginx, "caddy": caddy}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    make_certificate(folder)
    return folder


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with run_upstream() as behind:
        yield behind


@pytest.fixture(scope="module", params=_PROXIES)
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Path, upstream: Upstream
) -> Iterator[Proxy]:
    with _PROXIES[request.param](tmp_path_factory.mktemp(request.param), certificate, upstream.port) as running:
        yield running


def test_nginx_accepts_the_configuration(tmp_path: Path, certificate: Path) -> None:
    """`nginx -t` takes the file as it is shipped, but for the places of the certificate and the logs."""
    assert "test is successful" in check_nginx(tmp_path, certificate)


def test_caddy_accepts_the_configuration(tmp_path: Path) -> None:
    """`caddy validate` takes the file as it is shipped, and finds it formatted."""
    said = check_caddy(tmp_path)
    assert "Valid configuration" in said
    assert "not formatted" not in said


@pytest.mark.parametrize(
    ("method", "target"),
    [
        pytest.param("POST", "/webhooks/cloud", id="a message"),
        pytest.param("GET", f"/webhooks/cloud?hub.mode=subscribe&hub.verify_token={_PLANTED}", id="the verification"),
        pytest.param("POST", "/webhooks/reserve_2-b", id="another connector"),
    ],
)
def test_webhooks_pass(proxy: Proxy, upstream: Upstream, method: str, target: str) -> None:
    """A network's request reaches the engine as it was sent, its query included."""
    upstream.seen.clear()
    assert proxy.ask(method, target, b"{}" if method == "POST" else b"") == 200
    assert upstream.seen == [(method, target)]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/metrics", id="metrics"),
        pytest.param("/readyz", id="readiness"),
        pytest.param("/livez", id="liveness"),
        pytest.param("/startupz", id="startup"),
        pytest.param("/events/desk", id="events"),
        pytest.param("/", id="root"),
        pytest.param("/webhooks", id="no connector"),
        pytest.param("/webhooks/", id="an empty connector"),
        pytest.param("/webhooks/cloud/", id="a trailing slash"),
        pytest.param("/webhooks/cloud/more", id="a deeper path"),
        pytest.param("/webhooks/../metrics", id="dots"),
        pytest.param("/webhooks/%2e%2e/metrics", id="escaped dots"),
        pytest.param("/webhooks/..%2fmetrics", id="an escaped slash"),
        pytest.param("/webhooks/cloud/../../metrics", id="dots behind a connector"),
        pytest.param("//metrics", id="two slashes"),
        pytest.param("/WEBHOOKS/cloud", id="capitals"),
    ],
)
def test_everything_else_stays_inside(proxy: Proxy, target: str, upstream: Upstream) -> None:
    """What is not a webhook is 404 at the proxy, and the engine never hears of it."""
    upstream.seen.clear()
    assert [proxy.ask("GET", target), proxy.ask("POST", target, b"{}")] == [404, 404]
    assert upstream.seen == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_only_get_and_post_pass(proxy: Proxy, method: str, upstream: Upstream) -> None:
    """A method that no network uses goes no further than the proxy."""
    upstream.seen.clear()
    assert proxy.ask(method, "/webhooks/cloud") in {403, 404, 405}
    assert upstream.seen == []


def test_a_body_of_three_mebibytes_passes(proxy: Proxy) -> None:
    """The largest batch that a network may send goes through."""
    assert proxy.ask("POST", "/webhooks/cloud", bytes(3 * _MEBIBYTE)) == 200


def test_a_larger_body_is_refused(proxy: Proxy, upstream: Upstream) -> None:
    """Four mebibytes are 413, and the engine never hears of them."""
    upstream.seen.clear()
    assert proxy.ask("POST", "/webhooks/cloud", bytes(4 * _MEBIBYTE)) == 413
    assert upstream.seen == []


@pytest.mark.parametrize("target", [f"/webhooks/cloud?hub.verify_token={_PLANTED}", f"/metrics?x={_PLANTED}"])
def test_no_query_reaches_a_log(proxy: Proxy, target: str) -> None:
    """The access log has the path of every request, and no file of the proxy's has a query."""
    proxy.ask("GET", target)
    path, _, _ = target.partition("?")
    assert _PLANTED not in proxy.logged_once(path)


@pytest.mark.parametrize("run", _PROXIES.values(), ids=_PROXIES)
def test_a_stopped_engine_is_a_bad_gateway(run: ProxyRunner, tmp_path: Path, certificate: Path) -> None:
    """While the engine is down the network gets 502 and delivers again; no log has the query then either."""
    with run(tmp_path, certificate, unused_port()) as proxy:
        assert proxy.ask("GET", f"/webhooks/cloud?hub.verify_token={_PLANTED}") == 502
        assert _PLANTED not in proxy.logged_once("502")
    assert _PLANTED not in proxy.logged_once("502")


def test_nginx_slows_down_a_flood(tmp_path: Path, certificate: Path, upstream: Upstream) -> None:
    """Beyond the burst an address gets 429, which a network answers by delivering again."""
    slower = {"burst=300": "burst=3", "rate=100r/s": "rate=1r/m"}
    with nginx(tmp_path, certificate, upstream.port, slower) as proxy:
        statuses = [proxy.ask("POST", "/webhooks/cloud", b"{}") for _ in range(6)]
    assert statuses == [200, 200, 200, 200, 429, 429]
