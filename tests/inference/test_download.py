"""Weights from a URL, against a server of our own: fetched once, checked, or told in one line."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tomoscout.core.errors import UserError
from tomoscout.inference.download import cache_folder, checksum, fetch, read_sha256
from tomoscout.inference.find import find_weights
from tomoscout.inference.weights import load_detector, save_detector

CONTENT = bytes(range(256)) * 4096  # a mebibyte
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves ``content`` at /w.safetensors, and many ways of not serving it."""

    content = CONTENT
    asked: Counter[str]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked[path] += 1
        if path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", path.removeprefix("/to/").replace(":/", "://", 1))
            self.end_headers()
            return
        if path in ("/w.safetensors", "/cut.safetensors", "/unsized.safetensors"):
            self.send_response(200)
            if path != "/unsized.safetensors":
                self.send_header("Content-Length", str(len(self.content)))
            self.end_headers()
            cut = len(self.content) // 2 if path == "/cut.safetensors" else None
            self.wfile.write(self.content[:cut])
            return
        if path == "/broken":
            self.wfile.write(b"hello\r\n\r\n")
            return
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    """Where the server is, and what it has been asked for."""
    monkeypatch.setenv("no_proxy", "*")
    handler = type("Mine", (Handler,), {"asked": Counter()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", handler
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TOMOSCOUT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def refused(url: str, cache: Path, **options) -> str:
    """The one line that refuses a URL, which leaves no file behind."""
    with pytest.raises(UserError) as error:
        fetch(url, **options)
    assert "\n" not in str(error.value)
    assert not [path for path in cache.rglob("*") if path.is_file()]
    return str(error.value)


def test_a_url_is_fetched_once_and_then_needs_no_network(server, cache):
    address, handler = server
    url, told = f"{address}/w.safetensors#sha256={SHA256}", []
    path = fetch(url, progress=told.append)
    assert path.read_bytes() == CONTENT
    assert cache in path.parents
    assert told[-1] == 1.0
    assert told == sorted(told)
    assert len(told) > 2
    assert fetch(url.replace(SHA256, SHA256.upper())) == path
    assert handler.asked == {"/w.safetensors": 1}


def test_a_length_need_not_be_told(server):
    assert fetch(f"{server[0]}/unsized.safetensors#sha256={SHA256}").read_bytes() == CONTENT


def test_a_cached_file_that_has_changed_is_fetched_again(server):
    address, handler = server
    url = f"{address}/w.safetensors#sha256={SHA256}"
    path = fetch(url)
    path.write_bytes(CONTENT[:-1] + b"x")
    assert fetch(url).read_bytes() == CONTENT
    assert handler.asked["/w.safetensors"] == 2


def test_without_a_checksum_nothing_is_asked_for(server, cache):
    address, handler = server
    for tail in ("", "#sha256=", "#md5=1234", "#" + SHA256):
        assert "needs their checksum: add #sha256=" in refused(
            f"{address}/w.safetensors{tail}", cache
        )
    for digits in ("1234", SHA256 + "0", SHA256[:-1] + "g"):
        assert "64 hex digits" in refused(f"{address}/w.safetensors#sha256={digits}", cache)
    assert not handler.asked


def test_another_checksum_is_refused_with_both(server, cache):
    other = hashlib.sha256(b"").hexdigest()
    error = refused(f"{server[0]}/w.safetensors#sha256={other}", cache)
    assert f"its sha256 is {SHA256}, not {other} as asked" in error


def test_a_connection_that_breaks_off_is_told(server, cache):
    error = refused(f"{server[0]}/cut.safetensors#sha256={SHA256}", cache)
    assert f"broke off after {len(CONTENT) // 2} of {len(CONTENT)} bytes: try again" in error


@pytest.mark.parametrize("name", ["w", "unsized"])
def test_a_file_beyond_the_limit_is_given_up(name, server, cache):
    limit = len(CONTENT) - 1
    error = refused(f"{server[0]}/{name}.safetensors#sha256={SHA256}", cache, limit=limit)
    assert "larger than 1 MB" in error
    fetch(f"{server[0]}/{name}.safetensors#sha256={SHA256}", limit=len(CONTENT))


def test_a_missing_file_is_told(server, cache):
    error = refused(f"{server[0]}/nowhere.safetensors#sha256={SHA256}", cache)
    assert error.startswith(f"{server[0]}/nowhere.safetensors: the server answered 404")
    assert not cache.exists()


def test_a_server_that_talks_nonsense_is_told(server, cache):
    assert "cannot be reached" in refused(f"{server[0]}/broken#sha256={SHA256}", cache)


def test_no_network_is_told(cache, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = refused(f"http://127.0.0.1:{port}/w.safetensors#sha256={SHA256}", cache)
    assert "cannot be reached (" in error
    assert "check the address and the network" in error


def test_a_redirect_within_the_scheme_is_followed(server):
    address, handler = server
    target = address.replace("://", ":/")
    path = fetch(f"{address}/to/{target}/w.safetensors#sha256={SHA256}")
    assert path.read_bytes() == CONTENT
    assert handler.asked["/w.safetensors"] == 1


@pytest.mark.parametrize("target", ["file:/etc/hostname", "ftp:/127.0.0.1/w.safetensors"])
def test_a_redirect_elsewhere_is_refused(target, server, cache):
    error = refused(f"{server[0]}/to/{target}#sha256={SHA256}", cache)
    assert "redirects to " + target.replace(":/", "://") in error
    assert "which is not http" in error


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host/w.safetensors", "starts with https://, http:// or file://"),
        ("http:///w.safetensors", "no host"),
        ("http://host:port/w.safetensors", "not a URL"),
        ("file:///nowhere/w.safetensors", "cannot be reached"),
        ("file:///", "cannot be reached"),
    ],
)
def test_a_url_that_is_none_is_refused(url, words, cache):
    assert words in refused(f"{url}#sha256={SHA256}", cache)


def test_passwords_and_tokens_are_not_repeated(server, cache):
    port = server[0].rpartition(":")[2]
    error = refused(f"http://127.0.0.1:{port}/no?token=secret#sha256={SHA256}", cache)
    assert "secret" not in error
    assert "secret" not in refused("ftp://me:secret@host/w", cache)


def test_a_file_url_is_checked_too(tmp_path, cache):
    (tmp_path / "my weights.safetensors").write_bytes(CONTENT)
    url = (tmp_path / "my weights.safetensors").as_uri()
    assert "not " + "0" * 64 in refused(f"{url}#sha256={'0' * 64}", cache)
    path = fetch(f"{url}#sha256={SHA256}")
    assert path.read_bytes() == CONTENT
    assert path.name == f"my_weights-{SHA256[:16]}.safetensors"
    assert checksum(path) == SHA256


def test_weights_at_a_url_are_loaded(detector, server, tmp_path):
    address, handler = server
    save_detector(detector, tmp_path / "w.safetensors")
    handler.content = (tmp_path / "w.safetensors").read_bytes()
    digest = checksum(tmp_path / "w.safetensors")
    loaded = load_detector(f"{address}/w.safetensors#sha256={digest}")
    assert loaded.fingerprint == detector.fingerprint
    assert loaded.name == f"w-{digest[:16]}"
    assert find_weights(f"{address}/w.safetensors#sha256={digest}") == Path(loaded.source)


def test_the_cache_is_where_the_system_has_it(monkeypatch, tmp_path):
    monkeypatch.delenv("TOMOSCOUT_CACHE")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/home/me/.cache/tomoscout")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "tomoscout"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path("/home/me/Library/Caches/tomoscout")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache_folder() == Path("/local/tomoscout/Cache")


def test_a_checksum_is_read_in_any_case():
    assert read_sha256(SHA256.upper()) == SHA256
