"""A real loopback server that answers well, and one that does everything wrong."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from msa_desktop.base.errors import Cancelled
from msa_desktop.base.fields import Field
from msa_desktop.base.jobs import CancelToken
from msa_desktop.llm import _rest, candidates, server
from msa_desktop.llm._rest import ModelError
from msa_desktop.llm.llama import LlamaTagger, Told
from msa_desktop.llm.server import LookUp, Number, ServerModel
from tests.support_llm import GROUNDING, METAL, RULES, WORDS

GOOD = {"genre": ["Punk", "Metal"], "mood": [], "summary": "Punk and metal music with guitar."}

Reply = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    """Does as the test says."""

    reply: Reply
    asked: list[dict[str, Any]]
    hosts: list[str]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        self.hosts.append(f"{self.headers['Host']}{self.path}")
        type(self).reply(self, body)

    def send(self, status: int, text: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def say(self, content: str, **more: object) -> None:
        told = {"choices": [{"message": {"content": content}}], **more}
        self.send(200, json.dumps(told).encode())

    def handle(self) -> None:
        with suppress(OSError):  # who asked has gone, which is what some tests want
            super().handle()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def handler() -> Iterator[type[Handler]]:
    class Mine(Handler):
        asked: list[dict[str, Any]] = []  # noqa: RUF012 - one class a test
        hosts: list[str] = []  # noqa: RUF012

    yield Mine


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        return  # a handshake that failed, for one


@pytest.fixture
def url(handler: type[Handler]) -> Iterator[str]:
    service = Service(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=service.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{service.server_port}/v1"
    service.shutdown()
    thread.join()
    service.server_close()


CERTIFICATE = Path(__file__).parents[1] / "data/tls/music.example.pem"


@pytest.fixture
def secure_port(handler: type[Handler]) -> Iterator[int]:
    """A server that is music.example by its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    service = Service(("127.0.0.1", 0), handler)
    service.socket = context.wrap_socket(service.socket, server_side=True)
    thread = threading.Thread(target=service.serve_forever, args=(0.05,))
    thread.start()
    yield service.server_port
    service.shutdown()
    thread.join()
    service.server_close()


def port_of(url: str) -> int:
    return int(url.split(":")[2].partition("/")[0])


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def names(*numbers: str) -> LookUp:
    """A resolver that knows one name."""

    def look_up(_: str, port: int) -> Sequence[Number]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (number, port, 0, 0))
            if ":" in number
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))
            for number in numbers
        ]

    return look_up


def ask(model: ServerModel, cancel: CancelToken | None = None) -> Told:
    return model.ask(METAL, candidates.gather(METAL, RULES, WORDS), cancel)


def test_a_server_that_takes_a_schema(handler: type[Handler], url: str) -> None:
    handler.reply = lambda self, _: self.say(json.dumps(GOOD))
    told = ask(ServerModel(url, "tiny"))
    assert told.tags[Field.GENRE] == ("Punk", "Metal")
    assert told.summary == GOOD["summary"]
    (body,) = handler.asked
    assert (body["model"], body["temperature"], body["stream"]) == ("tiny", 0, False)
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["genre"]["items"]["enum"][:2] == ["Metal", "Thrash Metal"]
    assert handler.hosts[0].endswith("/v1/chat/completions")


def test_a_server_that_knows_no_schema_is_asked_without(handler: type[Handler], url: str) -> None:
    def reply(self: Handler, body: dict[str, Any]) -> None:
        if "response_format" in body:
            self.send(400, b'{"error": "unknown field"}')
        else:
            self.say("<think>Punk {maybe}?</think>Sure:\n```json\n" + json.dumps(GOOD) + "\n```")

    handler.reply = reply
    model = ServerModel(url)
    for _ in range(2):
        assert ask(model).tags[Field.GENRE] == ("Punk", "Metal")
    assert ["response_format" in body for body in handler.asked] == [True, False, False]


def test_its_tags_and_sentence_are_believed_no_more(handler: type[Handler], url: str) -> None:
    told = {"genre": ["Polka", "Metal"], "mood": ["Sad"], "summary": "Metal with saxophone."}
    handler.reply = lambda self, _: self.say(json.dumps(told))
    said: list[str] = []
    made = LlamaTagger("m", ServerModel(url), RULES, WORDS, GROUNDING, tell=said.append)
    found = made.suggest(METAL)
    assert made.id.startswith("server-m-")
    assert [s.value for s in found[Field.GENRE]] == ["Metal"]
    assert found[Field.SUMMARY] == RULES.suggest(METAL)[Field.SUMMARY]
    assert said == []


@pytest.mark.parametrize(
    ("usage", "count"),
    [
        ({"prompt_tokens": 190, "completion_tokens": 25}, 25),
        ({"completion_tokens": -5}, 0),
        ({"completion_tokens": "25"}, 0),
        ({"completion_tokens": 1e300}, 0),
        (["completion_tokens"], 0),
        (None, 0),
    ],
)
def test_its_tokens_are_counted_where_it_tells_them(
    handler: type[Handler], url: str, usage: object, count: int
) -> None:
    handler.reply = lambda self, _: self.say(json.dumps(GOOD), usage=usage)
    tokens = ask(ServerModel(url)).tokens
    assert tokens.count == count
    assert (tokens.seconds > 0) == (count > 0)


def test_it_cannot_boast_of_more_tokens_than_it_sent(handler: type[Handler], url: str) -> None:
    usage = {"completion_tokens": 10**18}
    handler.reply = lambda self, _: self.say(json.dumps(GOOD), usage=usage)
    assert 0 < ask(ServerModel(url)).tokens.count < 1000


def drip(self: Handler, _: dict[str, Any]) -> None:
    self.send_response(200)
    self.end_headers()
    for _number in range(200):
        self.wfile.write(b" ")
        time.sleep(0.05)


def cut(self: Handler, _: dict[str, Any]) -> None:
    self.send_response(200)
    self.send_header("Content-Length", "5000")
    self.end_headers()
    self.wfile.write(b'{"choices": [')


def silent(self: Handler, _: dict[str, Any]) -> None:
    time.sleep(10)


def rude(self: Handler, _: dict[str, Any]) -> None:
    self.wfile.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")


def away(self: Handler, _: dict[str, Any]) -> None:
    self.send(302, b"", Location="http://example.com/v1/chat/completions")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (away, "points to another address, which is not followed"),
        (lambda self, _: self.send(500, b"\x1b[2Jboom"), "answered 500: .*boom"),
        (lambda self, _: self.send(401, b"who are you"), "answered 401"),
        (lambda self, _: self.send(404, b"no such page"), "answered 404"),
        (lambda self, _: self.send(200, b"hello"), "something else than an answer"),
        (lambda self, _: self.send(200, b"[" * 100_000), "something else than an answer"),
        (lambda self, _: self.send(200, b'{"choices": []}'), "something else than an answer"),
        (lambda self, _: self.say("I would rather not."), "cut short or is no answer"),
        (lambda self, _: self.send(200, b" " * (2 << 20)), "more than 1 MB"),
        (cut, "something else than an answer"),
        (rude, "no usable answer"),
        (silent, r"no answer within 0\.5 s"),
        (drip, r"no answer within 0\.5 s"),
    ],
)
def test_a_server_that_misbehaves(
    handler: type[Handler], url: str, reply: Reply, reason: str
) -> None:
    handler.reply = staticmethod(reply)
    began = time.monotonic()
    with pytest.raises(ModelError, match=reason) as error:
        ask(ServerModel(url, answer_limit=0.5))
    assert "\x1b" not in str(error.value)
    assert time.monotonic() - began < 8
    assert len(handler.asked) <= 2


def test_one_that_is_not_there_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rest, "_FIRST", 60.0)
    model = ServerModel(f"http://127.0.0.1:{free_port()}")
    for _ in range(2):
        with pytest.raises(ModelError, match="Is it running"):
            ask(model)
    monkeypatch.setattr(model, "_post", None)  # it is not asked again
    with pytest.raises(ModelError, match="Is it running"):
        ask(model)


def test_one_that_starts_again_is_waited_for(
    handler: type[Handler], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rest, "_FIRST", 0.3)
    handler.reply = lambda self, _: self.send(503, b"loading")
    model = ServerModel(url)
    for _ in range(2):
        with pytest.raises(ModelError, match="loading"):
            ask(model)
    handler.reply = lambda self, _: self.say(json.dumps(GOOD))
    assert ask(model).tags[Field.GENRE] == ("Punk", "Metal")


@pytest.mark.parametrize("status", [302, 401, 403, 404])
def test_an_answer_that_will_be_the_same_is_not_waited_for(
    handler: type[Handler], url: str, status: int
) -> None:
    handler.reply = lambda self, _: self.send(status, b"no")
    model = ServerModel(url)
    began = time.monotonic()
    for _ in range(5):
        with pytest.raises(ModelError):
            ask(model)
    assert time.monotonic() - began < 4


def test_answers_that_are_none_do_not_keep_it_from_being_asked(
    handler: type[Handler], url: str
) -> None:
    handler.reply = lambda self, _: self.say("Sorry.")
    model = ServerModel(url)
    for _ in range(5):
        with pytest.raises(ModelError, match="is no answer"):
            ask(model)
    handler.reply = lambda self, _: self.say(json.dumps(GOOD))
    began = time.monotonic()
    assert ask(model).tags[Field.GENRE] == ("Punk", "Metal")
    assert time.monotonic() - began < 4
    assert len(handler.asked) == 6


def test_cancelling_and_closing_do_not_wait(handler: type[Handler], url: str) -> None:
    handler.reply = silent
    cancel, model = CancelToken(), ServerModel(url)
    threading.Timer(0.2, cancel.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        ask(model, cancel)
    threading.Timer(0.2, model.close).start()
    with pytest.raises(Cancelled):
        ask(model)
    with pytest.raises(Cancelled):
        ask(model)
    assert time.monotonic() - began < 5


def test_a_name_that_is_never_found_does_not_keep_from_cancelling(
    handler: type[Handler], url: str
) -> None:
    found = threading.Event()

    def look_up(_: str, port: int) -> Sequence[Number]:
        found.wait(20)
        return names("127.0.0.1")("", port)

    cancel = CancelToken()
    threading.Timer(0.2, cancel.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        ask(ServerModel(f"http://music.example:{port_of(url)}/v1", look_up=look_up), cancel)
    assert time.monotonic() - began < 5
    found.set()
    for thread in threading.enumerate():
        if thread.name == "llm server":
            thread.join(5)
    assert handler.asked == []  # nor is it asked once nobody wants to know


@pytest.mark.parametrize(
    "address",
    [
        "",
        "8080",
        "ftp://127.0.0.1/",
        "http://",
        "http://127.0.0.1:99999",
        "http://me:pw@127.0.0.1/",
        "http://:pw@127.0.0.1/",
        "http://127.0.0.1:0/v1",
        "http://[::1:8080/v1",
        "http://[foo]/v1",
        "http://foo..bar/v1",
        f"http://{'a' * 64}/v1",
        "http://my server:8080/v1",
        "http://127.0.0.1:8080/v 1",
        "http://\x7f/v1",
    ],
)
@pytest.mark.parametrize("remote", [False, True])
def test_an_address_that_is_none(address: str, remote: bool) -> None:
    with pytest.raises(ModelError, match="write it like"):
        ask(ServerModel(address, remote=remote))


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("no name")])
def test_a_name_that_is_not_found(error: Exception) -> None:
    def look_up(_: str, __: int) -> Sequence[Number]:
        raise error

    with pytest.raises(ModelError, match="cannot be found"):
        ask(ServerModel("http://music.example/v1", look_up=look_up))


@pytest.mark.parametrize("numbers", [("192.0.2.7",), ("127.0.0.1", "192.0.2.7"), ("::",)])
def test_another_machine_needs_leave(numbers: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match=r"another machine.*llm_server_remote"):
        ask(ServerModel("http://music.example:8080/v1", look_up=names(*numbers)))
    address = server.parse("http://music.example:8080/v1")
    found = server.numbers(address, names(*numbers), remote=True)
    assert [number[4][0] for number in found] == list(numbers)


def test_all_numbers_of_a_name_are_tried(handler: type[Handler], url: str) -> None:
    handler.reply = lambda self, _: self.say(json.dumps(GOOD))
    look_up = names("::1", "127.0.0.1")  # what localhost means on many machines
    assert ask(ServerModel(f"http://localhost:{port_of(url)}/v1", look_up=look_up)).summary
    assert handler.hosts == [f"localhost:{port_of(url)}/v1/chat/completions"]
    with pytest.raises(ModelError, match="Is it running"):
        ask(ServerModel(f"http://localhost:{free_port()}/v1", look_up=look_up))


class Rebinding:
    """A name that means another machine as soon as it was looked at."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[Number]:
        self.asked += 1
        return names("127.0.0.1" if self.asked == 1 else "192.0.2.7")(host, port)


def test_the_address_that_was_looked_at_is_the_one_connected_to(
    handler: type[Handler], url: str
) -> None:
    handler.reply = lambda self, _: self.say(json.dumps(GOOD))
    look_up = Rebinding()
    ask(ServerModel(f"http://music.example:{port_of(url)}/v1", look_up=look_up))
    assert handler.hosts == [f"music.example:{port_of(url)}/v1/chat/completions"]
    assert look_up.asked == 1


def test_so_it_is_over_tls_and_the_certificate_is_that_of_the_name(
    handler: type[Handler], secure_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler.reply = lambda self, _: self.say(json.dumps(GOOD))
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    look_up = Rebinding()
    ask(ServerModel(f"https://music.example:{secure_port}/v1", look_up=look_up))
    assert handler.hosts == [f"music.example:{secure_port}/v1/chat/completions"]
    assert look_up.asked == 1
    with pytest.raises(ModelError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(ServerModel(f"https://other.example:{secure_port}/v1", look_up=names("127.0.0.1")))
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ModelError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(ServerModel(f"https://music.example:{secure_port}/v1", look_up=names("127.0.0.1")))
    assert len(handler.asked) == 1


@pytest.mark.parametrize(
    "address", ["http://localhost:1/v1/", "http://[::1]:1/v1", "https://127.0.0.1/v1"]
)
def test_this_machine_in_all_its_names(address: str) -> None:
    found = server.parse(address)
    assert found.path == "/v1"
    for number in server.numbers(found, server.look_up, remote=False):
        assert number[4][0] in ("127.0.0.1", "::1")
