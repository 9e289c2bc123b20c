"""A model hub on loopback, as a downloader sees one, and what befalls lines and servers."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

COMMIT = "c0ffee" + "0" * 34


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def start(self) -> int:
        """Where the wanted piece begins."""
        piece = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(piece[1]) if piece else 0


@dataclass(frozen=True)
class Trouble:
    """How one answer differs from a good one.

    Attributes:
        status: Answered instead of the content.
        headers: Added, or put in place of the good ones.
        cut: Bytes of the body after which the line is dead.
        pause: Seconds before every block of the body.
        whole: The wanted piece is ignored, all of it is sent.
        extra: Bytes sent after the content.
        chunked: No length is told beforehand.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0
    whole: bool = False
    extra: bytes = b""
    chunked: bool = False


class Hub:
    """Files of repositories. Large ones are kept by a store, another server, as on the real one.

    Attributes:
        files: Content by "owner/repository/name".
        large: Which of them the store gives out.
        requests: All that was asked, at the hub ("HEAD", "GET") and at the store ("STORE").
        troubles: Used up one an answer, by the request's kind; an answer without is good.
        always: The trouble of every answer of a kind that has no other.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.large: set[str] = set()
        self.requests: list[Request] = []
        self.troubles: dict[str, deque[Trouble]] = {"HEAD": deque(), "GET": deque()}
        self.troubles["STORE"] = deque()
        self.always: dict[str, Trouble] = {}
        self.sent = 0
        self.address = ""
        self.store = ""

    def put(self, path: str, content: bytes, *, large: bool = True) -> None:
        """Has a file in a repository."""
        self.files[path] = content
        self.large.discard(path)
        if large:
            self.large.add(path)

    def plan(self, kind: str, *troubles: Trouble) -> None:
        """The troubles of the next answers of a kind."""
        self.troubles[kind].extend(troubles)

    def asked(self, kind: str) -> list[Request]:
        """The requests of a kind."""
        return [request for request in self.requests if request.method == kind]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    is_store = False

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_GET(self) -> None:
        self._answer("STORE" if self.is_store else "GET")

    def _answer(self, kind: str) -> None:
        path = re.sub(r"^http://[^/]+", "", self.path)  # a proxy is given whole addresses
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(kind, path, headers)
        self.hub.requests.append(request)
        planned = self.hub.troubles[kind]
        trouble = planned.popleft() if planned else self.hub.always.get(kind, Trouble())
        name = re.sub("/resolve/[^/]+/", "/", path).strip("/")
        content = self.hub.files.get(name)
        if content is None or trouble.status:
            self._say(trouble.status or 404, {"content-length": "0", **trouble.headers})
            return
        digest = hashlib.sha256(content).hexdigest()
        if not self.is_store and name in self.hub.large:
            facts = {
                "location": f"{self.hub.store}/{name}",
                "content-length": "0",
                "x-repo-commit": COMMIT,
                "x-linked-size": str(len(content)),
                "x-linked-etag": f'"{digest}"',
                "etag": '"pointer"',
            }
            self._say(302, {**facts, **trouble.headers})
            return
        self._content(content, digest, request, trouble)

    def _content(self, content: bytes, digest: str, request: Request, trouble: Trouble) -> None:
        start = 0 if trouble.whole else request.start
        body = content[start:] + trouble.extra
        mark = "store-mark" if self.is_store else hashlib.sha1(digest.encode()).hexdigest()  # noqa: S324
        facts = {"etag": f'"{mark}"', "x-repo-commit": COMMIT, "accept-ranges": "bytes"}
        if start:
            facts["content-range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if trouble.chunked:
            facts["transfer-encoding"] = "chunked"
        else:
            facts["content-length"] = str(len(body))
        self._say(206 if start else 200, {**facts, **trouble.headers})
        if self.command == "HEAD":
            return
        if trouble.cut is not None:
            body = body[: trouble.cut]
            self.close_connection = True
        try:
            for at in range(0, len(body), 1 << 16):
                time.sleep(trouble.pause)
                block = body[at : at + (1 << 16)]
                self.wfile.write(
                    b"%x\r\n%b\r\n" % (len(block), block) if trouble.chunked else block
                )
                self.hub.sent += len(block)
            if trouble.chunked:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:  # the client has gone
            self.close_connection = True

    def _say(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub and its store, each on a port of its own."""
    hub = Hub()
    servers = []
    for is_store in (False, True):
        handler = type("Handler", (_Handler,), {"hub": hub, "is_store": is_store})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
    hub.address, hub.store = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@contextmanager
def in_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that this process asks in place of the real one."""
    for name in ("HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Waits for something to be true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
