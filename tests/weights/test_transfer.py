"""Downloads over bad lines and from bad servers: the right file, or a reason and no file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.weights import hub as hub_module
from msa_desktop.weights import transfer
from msa_desktop.weights.catalogue import Hub as Repository
from msa_desktop.weights.catalogue import ModelFile
from tests.support_hub import COMMIT, Hub, Trouble

CONTENT = np.random.default_rng(0).bytes(1_500_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PATH = "maker/thing/model.bin"


class Client:
    """Downloads `model.bin`, and remembers what it was told."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / "model.bin"
        self.cancel = CancelToken()
        self.done: list[int] = []
        self.waits: list[float] = []

    def __call__(self, *, size: int | None = None, sha256: str = "") -> tuple[str, str]:
        repository = Repository(repository="maker/thing", revision="main")
        return transfer.fetch(
            lambda: hub_module.locate(repository, "model.bin"),
            ModelFile(name="model.bin", size=size, sha256=sha256),
            self.target,
            cancel=self.cancel,
            progress=self.done.append,
            checking=lambda _: None,
            wait=lambda seconds, _: self.waits.append(seconds),
        )

    def fails(self, words: str, **known: object) -> None:
        """It ends with a reason, and nothing that looks like the file."""
        with pytest.raises(UserError, match=words):
            self(**known)  # type: ignore[arg-type]
        assert not self.target.exists()

    def parts(self) -> list[Path]:
        return sorted(self.target.parent.glob("*.part"))


@pytest.fixture
def fetch(tmp_path: Path, hub: Hub) -> Client:
    hub.put(PATH, CONTENT)
    return Client(tmp_path)


def test_a_large_file_comes_from_the_store_and_the_token_stays_at_the_hub(
    hub: Hub, fetch: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert fetch(size=len(CONTENT), sha256=DIGEST) == (DIGEST, COMMIT)
    assert fetch.target.read_bytes() == CONTENT
    assert fetch.parts() == []
    assert fetch.done[-1] == len(CONTENT)
    assert fetch.done == sorted(fetch.done)
    asked, given = hub.requests  # and nothing else was asked
    assert (asked.method, given.method) == ("HEAD", "STORE")
    assert asked.headers["authorization"] == "Bearer hf_secret"
    assert "authorization" not in given.headers
    assert {request.headers["user-agent"] for request in hub.requests} == {hub_module.USER_AGENT}


def test_a_small_file_comes_from_the_hub_itself(
    hub: Hub, fetch: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.put(PATH, b"small", large=False)
    assert fetch() == (hashlib.sha256(b"small").hexdigest(), COMMIT)
    (given,) = hub.asked("GET")
    assert given.headers["authorization"] == "Bearer hf_secret"


def test_cut_again_and_again_it_goes_on_where_it_was(hub: Hub, fetch: Client) -> None:
    hub.plan("STORE", *(Trouble(cut=cut) for cut in (1, 300_000, 0, 400_000, 0, 0, 500_000)))
    fetch(sha256=DIGEST)
    assert fetch.target.read_bytes() == CONTENT
    assert hub.sent == len(CONTENT)  # not a byte twice
    assert hub.asked("STORE")[2].headers["range"] == "bytes=300001-"


def test_a_line_that_brings_nothing_is_given_up_and_taken_up_another_day(
    hub: Hub, fetch: Client
) -> None:
    hub.plan("STORE", Trouble(cut=700_000))
    hub.always["STORE"] = Trouble(cut=0)
    fetch.fails("could not be downloaded.*is kept")
    assert fetch.waits == [1, 2, 4, 8, 16]
    assert [part.stat().st_size for part in fetch.parts()] == [700_000]
    assert transfer.came_so_far(fetch.target) == 700_000
    hub.always.clear()
    fetch(sha256=DIGEST)
    assert hub.asked("STORE")[-1].start == 700_000
    assert fetch.target.read_bytes() == CONTENT


def test_a_store_that_cannot_go_on_begins_again_but_not_for_ever(hub: Hub, fetch: Client) -> None:
    hub.plan("STORE", Trouble(cut=600_000), Trouble(whole=True))
    fetch(sha256=DIGEST)
    assert fetch.target.read_bytes() == CONTENT

    fetch.target.unlink()
    hub.always["STORE"] = Trouble(cut=600_000, whole=True)
    fetch.fails("could not be downloaded")


def test_another_piece_than_was_asked_for_is_not_taken(hub: Hub, fetch: Client) -> None:
    wrong = {"content-range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"}
    hub.plan("STORE", Trouble(cut=600_000), Trouble(headers=wrong))
    fetch(sha256=DIGEST)
    assert fetch.target.read_bytes() == CONTENT


def test_content_that_changed_meanwhile_is_not_joined_to_the_old(hub: Hub, fetch: Client) -> None:
    hub.plan("STORE", Trouble(cut=600_000), Trouble(cut=0))
    other = CONTENT[::-1]

    def change(seconds: float, _: CancelToken) -> None:
        hub.put(PATH, other)

    transfer_fetch = transfer.fetch(
        lambda: hub_module.locate(
            Repository(repository="maker/thing", revision="main"), "model.bin"
        ),
        ModelFile(name="model.bin"),
        fetch.target,
        cancel=fetch.cancel,
        progress=fetch.done.append,
        checking=lambda _: None,
        wait=change,
    )
    assert transfer_fetch[0] == hashlib.sha256(other).hexdigest()
    assert fetch.target.read_bytes() == other
    assert fetch.parts() == []


def test_a_file_of_another_size_than_known_is_not_downloaded(hub: Hub, fetch: Client) -> None:
    fetch.fails("another model.bin", size=len(CONTENT) + 1)
    assert hub.asked("STORE") == []


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_was_said_is_not_written(hub: Hub, fetch: Client, chunked: bool) -> None:
    hub.always["STORE"] = Trouble(extra=bytes(5_000_000), chunked=chunked)
    fetch.fails("more than the 1500000 bytes")
    assert transfer.came_so_far(fetch.target) == 0


def test_less_than_was_said_is_asked_for_again(hub: Hub, fetch: Client) -> None:
    short = {"content-length": "1000"}
    hub.plan("STORE", Trouble(headers=short, cut=1000))
    fetch(sha256=DIGEST)
    assert fetch.target.read_bytes() == CONTENT


@pytest.mark.parametrize("who", ["catalogue", "hub"])
def test_another_hash_is_thrown_away(hub: Hub, fetch: Client, who: str) -> None:
    if who == "hub":
        hub.plan("HEAD", Trouble(headers={"x-linked-etag": f'"{"0" * 64}"'}))
    fetch.fails("SHA-256 differs.*thrown away", sha256="1" * 64 if who == "catalogue" else "")
    assert fetch.parts() == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "does not give out maker/thing/model.bin .*HF_TOKEN"),
        (403, "accept the licence"),
        (404, "not there any more"),
        (418, "answered 418"),
    ],
)
def test_a_refusal_is_told_at_once(hub: Hub, fetch: Client, status: int, words: str) -> None:
    hub.always["HEAD"] = Trouble(status)
    fetch.fails(words)
    assert len(hub.requests) == 1


@pytest.mark.parametrize("kind", ["HEAD", "STORE"])
def test_a_busy_server_is_waited_for_as_long_as_it_asks(hub: Hub, fetch: Client, kind: str) -> None:
    hub.plan(kind, Trouble(429, {"retry-after": "7"}), Trouble(503), Trouble(500))
    fetch(sha256=DIGEST)
    assert fetch.waits == [7, 4, 8]


def test_a_server_that_wants_an_hour_gets_it(hub: Hub, fetch: Client) -> None:
    hub.plan("HEAD", Trouble(429, {"retry-after": "3600"}))
    fetch.fails("60 minutes")
    assert fetch.waits == []


def test_a_signed_address_that_ended_is_asked_for_again(hub: Hub, fetch: Client) -> None:
    hub.plan("STORE", Trouble(cut=100_000), Trouble(403))
    fetch(sha256=DIGEST)
    assert len(hub.asked("HEAD")) == 3
    assert fetch.target.read_bytes() == CONTENT


def test_a_dead_line_is_noticed(hub: Hub, fetch: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "TIMEOUT", 0.2)
    hub.plan("STORE", Trouble(cut=200_000), Trouble(pause=1))
    fetch(sha256=DIGEST)
    assert len(hub.asked("STORE")) == 3
    assert fetch.target.read_bytes() == CONTENT


def test_no_server_at_all(hub: Hub, fetch: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    fetch.fails("127.0.0.1 cannot be reached")


def test_a_cancelled_download_keeps_what_came(hub: Hub, fetch: Client) -> None:
    fetch.done = _Cancelling(fetch.cancel, 500_000)
    with pytest.raises(Cancelled):
        fetch()
    assert not fetch.target.exists()
    assert 500_000 <= transfer.came_so_far(fetch.target) < len(CONTENT)


def test_a_whole_file_of_an_ended_install_is_only_checked(hub: Hub, fetch: Client) -> None:
    fetch.target.write_bytes(CONTENT)
    assert fetch()[0] == DIGEST
    assert hub.asked("STORE") == []
    fetch.target.write_bytes(CONTENT[::-1])
    fetch.fails("SHA-256 differs")


@pytest.mark.parametrize("kind", ["HEAD", "STORE"])
def test_no_detour_over_an_open_line(hub: Hub, fetch: Client, kind: str) -> None:
    away = {"location": "http://192.0.2.1/model.bin"}
    hub.plan(kind, Trouble(302 if kind == "STORE" else 0, away))
    fetch.fails("192.0.2.1 is no safe line")


def test_a_circle_ends(hub: Hub, fetch: Client) -> None:
    hub.always["STORE"] = Trouble(302, {"location": f"{hub.store}/{PATH}"})
    fetch.fails("in circles")


@pytest.mark.parametrize(
    ("url", "endpoint", "safe"),
    [
        ("https://example.org/x", "", True),
        ("http://localhost:1/x", "", True),
        ("http://[::1]/x", "", True),
        ("http://example.org/x", "", False),
        ("http://example.org/x", "http://example.org", True),
        ("http://example.org.evil/x", "http://example.org", False),
        ("http://127.0.0.1.evil/x", "", False),
        ("ftp://127.0.0.1/x", "", False),
        ("file:///etc/passwd", "", False),
    ],
)
def test_which_lines_are_safe(
    url: str, endpoint: str, safe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    if safe:
        hub_module.check_address(url)
    else:
        with pytest.raises(UserError, match="no safe line"):
            hub_module.check_address(url)


class _Cancelling(list[int]):
    """Cancels once so many bytes came."""

    def __init__(self, cancel: CancelToken, most: int) -> None:
        super().__init__()
        self._cancel, self._most = cancel, most

    def append(self, done: int) -> None:
        if done >= self._most:
            self._cancel.cancel()
        super().append(done)
