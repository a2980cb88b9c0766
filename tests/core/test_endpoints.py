"""Addresses to listen on, as engine.yaml writes them."""

from pathlib import Path

import pytest

from engine.core.endpoints import Endpoint, TcpEndpoint, UnixEndpoint, parse_endpoint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", TcpEndpoint("127.0.0.1", 8080)),
        ("localhost:0", TcpEndpoint("localhost", 0)),
        ("[::1]:65535", TcpEndpoint("::1", 65535)),
        ("unix:/run/engine/http.sock", UnixEndpoint(Path("/run/engine/http.sock"))),
        ("unix:http.sock", UnixEndpoint(Path("http.sock"))),
    ],
)
def test_an_address_is_read_and_written_the_same(text: str, expected: Endpoint) -> None:
    """What is parsed prints as it was written."""
    parsed = parse_endpoint(text)
    assert parsed == expected
    assert str(parsed) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        ":8080",
        "127.0.0.1",
        "host:http",
        "::1:8080",
        "[::1]",
        "host:65536",
        "host:80 ",
        "unix:",
        "unix:a\0b",
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    """Nothing is guessed: no default host, no default port."""
    assert parse_endpoint(text) is None
