"""Weights from a URL: fetched once, held against their sha256, kept in a cache folder.

A URL ends with the checksum of what it stands for, ``https://host/x.safetensors#sha256=9f86...``,
so it means the same weights for everyone and for ever: nothing else is accepted under it,
wherever the bytes came from. Nothing is fetched unless such a URL is given.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tomoscout import __version__
from tomoscout.core.errors import UserError
from tomoscout.io._atomic import atomic_path

LIMIT = 1 << 30
"""Bytes a download may have; far more than a network of the package takes."""

_SCHEMES = ("https", "http", "file")
_TIMEOUT = 30.0  # seconds without a byte
_BLOCK = 1 << 18
_MEGABYTE = 1e6

Progress = Callable[[float], None]


def is_url(text: str) -> bool:
    """Tell whether a text is meant as a URL and not as a path or a name."""
    return "://" in text


def cache_folder() -> Path:
    """Return the folder that downloads are kept in: ``TOMOSCOUT_CACHE``, or the system's own."""
    if chosen := os.environ.get("TOMOSCOUT_CACHE"):
        return Path(chosen).expanduser()
    home = Path(os.path.expanduser("~"))  # pathlib's raises where there is no home
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "tomoscout"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home) / "tomoscout" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "tomoscout"


def fetch(url: str, *, limit: int = LIMIT, progress: Progress | None = None) -> Path:
    """Return the file a URL stands for, downloading it unless the cache has it.

    Parameters
    ----------
    url
        ``https://``, ``http://`` or ``file://``, ending in ``#sha256=`` and 64 hex digits.
    limit
        Bytes beyond which the download is given up.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If the URL has no checksum, cannot be reached, leads elsewhere, is too large, or what it
        gives is not what the checksum says. Nothing is left in the cache then.
    """
    parts, wanted = _take_apart(url)
    shown = _shown(parts)
    target = cache_folder() / "weights" / f"{_stem(parts)}-{wanted[:16]}.safetensors"
    if not (target.is_file() and checksum(target) == wanted):
        # Opened first, so that an address that leads nowhere does not even make a folder.
        with _open(parts, shown) as response, atomic_path(target, overwrite=True) as temporary:
            with temporary.open("wb") as file:
                found = _copy(response, file, shown=shown, limit=limit, progress=progress)
            if found != wanted:
                raise UserError(
                    f"{shown}: its sha256 is {found}, not {wanted} as asked: the file is broken "
                    "or another one; check the address and the checksum"
                )
    if progress:
        progress(1.0)
    return target


def checksum(path: Path) -> str:
    """Return the sha256 of a file, in hex, as ``sha256sum`` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_sha256(text: str) -> str:
    """Return a sha256 in small hex digits.

    Raises
    ------
    UserError
        If it is none.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise UserError(f"'{text}': a sha256 has 64 hex digits, as 'sha256sum FILE' prints them")
    return text.lower()


def _take_apart(url: str) -> tuple[SplitResult, str]:
    """Split a URL and its checksum, refusing what cannot be used safely."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # looked at here: it may not be a number
    except ValueError as error:
        raise UserError(f"{url}: not a URL ({error})") from error
    shown = _shown(parts)
    if parts.scheme not in _SCHEMES:
        raise UserError(f"{shown}: a URL of weights starts with https://, http:// or file://")
    if parts.scheme != "file" and not parts.hostname:
        raise UserError(f"{shown}: no host in this URL")
    key, _, value = parts.fragment.partition("=")
    if key != "sha256" or not value:
        raise UserError(
            f"{shown}: a URL of weights needs their checksum: add #sha256= and the 64 hex digits "
            "that 'sha256sum FILE' prints"
        )
    return parts, read_sha256(value)


def _shown(parts: SplitResult) -> str:
    """Return a URL for messages and records: without passwords, tokens and checksum."""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _stem(parts: SplitResult) -> str:
    """Return a file name that reminds of the URL and is safe everywhere."""
    name = unquote(parts.path).rsplit("/", 1)[-1].removesuffix(".safetensors")
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64] or "weights"


class _StayWithScheme(HTTPRedirectHandler):
    """Follows redirects within the same scheme, or up to https."""

    def http_error_302(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        """Refuse to be led to files, or from https to what anyone on the way can read."""
        where = headers.get("location") or headers.get("uri") or ""
        target = urlsplit(urljoin(req.full_url, where))
        if target.scheme not in (req.type, "https"):
            fp.close()
            raise UserError(
                f"{_shown(urlsplit(req.full_url))}: redirects to {_shown(target)}, which is not "
                f"{req.type}: give the address it should lead to"
            )
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _open(parts: SplitResult, shown: str) -> Any:
    """Ask for the file; what goes wrong is told in one line."""
    try:
        headers = {"User-Agent": f"tomoscout/{__version__}"}
        request = Request(parts._replace(fragment="").geturl(), headers=headers)
        return build_opener(_StayWithScheme).open(request, timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()
        reason = str(error.reason).splitlines()[0] if error.reason else "no reason given"
        raise UserError(
            f"{shown}: the server answered {error.code} ({reason}): check the address"
        ) from error
    except (URLError, OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise _unreachable(shown, error) from error


def _copy(
    response: Any, file: IO[bytes], *, shown: str, limit: int, progress: Progress | None
) -> str:
    """Copy what arrives into a file, within the limit; return its sha256."""
    length = str(response.headers.get("Content-Length") or "")
    size = int(length) if length.isdigit() else None
    digest, done = hashlib.sha256(), 0
    while True:
        if max(done, size or 0) > limit:
            raise UserError(
                f"{shown}: larger than {limit / _MEGABYTE:.0f} MB, which no weights should be: "
                "check the address, or download the file and give its path"
            )
        try:
            block = response.read(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(shown, error) from error
        if not block:
            break
        file.write(block)
        digest.update(block)
        done += len(block)
        if progress and size:
            progress(min(done / size, 1.0))
    if size is not None and done < size:
        raise UserError(
            f"{shown}: the connection broke off after {done} of {size} bytes: try again"
        )
    return digest.hexdigest()


def _unreachable(shown: str, error: Exception) -> UserError:
    """Say that nothing can be had from an address."""
    reason = str(getattr(error, "reason", "") or error or type(error).__name__)
    return UserError(
        f"{shown}: cannot be reached ({' '.join(reason.split())}): check the address and the "
        "network, or get the file another way and give its path"
    )
