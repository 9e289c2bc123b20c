"""A language model behind an OpenAI-compatible server: llama-server, Ollama, LM Studio.

What goes there is what a model is asked: titles, artists and tags of the person's music. So it goes
to this machine alone unless the person allowed another, and never where a server points to. What
comes back is believed no more than what any model says, and bounded in time and size.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from msa_desktop.base.errors import Cancelled
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.proposals import MOST_VALUES
from msa_desktop.base.text import printable
from msa_desktop.llm import prompt
from msa_desktop.llm._base import Evidence, Tokens
from msa_desktop.llm._rest import ModelError, Rest
from msa_desktop.llm.candidates import Candidates
from msa_desktop.llm.grounding import LONGEST
from msa_desktop.llm.llama import Told, parsed

_MOST_BYTES = 1 << 20
_TICK = 0.1  # seconds between looks at what may end an answer early
_LONGEST_ANSWER = 400  # tokens: nothing forces a server to write tightly
_CONNECT_LIMIT = 10.0  # seconds for one number of a name that may have several
_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!-~]+")
_LASTING = (401, 403, 404)  # answers that will be the same in a moment
_REFUSALS = (400, 404, 422, 501)  # of a server that does not know json_schema
_SHOWN = 200  # characters of what a server said


Number = tuple[int, int, int, str, tuple[Any, ...]]
"""One entry of `socket.getaddrinfo`: family, type, protocol, name, and what to connect to."""

LookUp = Callable[[str, int], Sequence[Number]]


def look_up(host: str, port: int) -> Sequence[Number]:
    """The system's numbers of a name, in the order in which it would try them."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is.

    Attributes:
        url: As the person wrote it.
        host: The name in it, in ASCII.
        path: What all its addresses begin with, such as "/v1".
        secure: Whether it is spoken to by TLS.
    """

    url: str
    host: str
    port: int
    path: str
    secure: bool


class ServerModel:
    """A server's model.

    Args:
        url: The server's address, such as http://127.0.0.1:8080/v1.
        model: The model's name there; "" for the one that it has loaded.
        remote: Whether the server may be another machine.
        answer_limit: Seconds for one answer.
        look_up: What knows the numbers of names.
    """

    kind = "server"

    def __init__(
        self,
        url: str,
        model: str = "",
        *,
        remote: bool = False,
        answer_limit: float = 120.0,
        look_up: LookUp = look_up,
    ) -> None:
        self._url = url.strip()
        self._model = model
        self._remote = remote
        self._answer_limit = answer_limit
        self._look_up = look_up
        self._takes_schema = True
        self._closed = threading.Event()
        self._rest = Rest()

    def ask(self, evidence: Evidence, known: Candidates, cancel: CancelToken | None) -> Told:
        """See `llm.llama.Backend`."""
        if self._closed.is_set():
            raise Cancelled
        address = parse(self._url)
        self._rest.wait(cancel, self._closed)
        began = time.monotonic()
        data = prompt.data(evidence, known, prompt.NEIGHBOURS[0])
        try:
            text, written = self._answer(address, data, known, cancel)
        except ModelError as error:
            self._rest.failed(error)
            raise
        self._rest.succeeded()  # it works, whatever its model said
        told = parsed(_object(text), known)
        return replace(told, tokens=Tokens(written, time.monotonic() - began if written else 0.0))

    def close(self) -> None:
        """Gives up what is under way."""
        self._closed.set()

    def _answer(
        self, address: Address, data: str, known: Candidates, cancel: CancelToken | None
    ) -> tuple[str, int]:
        """The answer's words, and how many tokens they are."""
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": prompt.INSTRUCTION + data + prompt.CUE}],
            "temperature": 0,
            "seed": prompt.SEED,
            "max_tokens": _LONGEST_ANSWER,
            "stream": False,
        }
        if self._model:
            body["model"] = self._model
        if self._takes_schema:
            schema = prompt.schema(known, MOST_VALUES, LONGEST)
            form = {"name": "tags", "strict": True, "schema": schema}
            asked = body | {"response_format": {"type": "json_schema", "json_schema": form}}
            status, text = self._post(address, asked, cancel)
            if status == http.client.OK:
                return _content(text)
            if status not in _REFUSALS:
                raise self._complaint(status, text)
        status, text = self._post(address, body, cancel)
        if status != http.client.OK:
            raise self._complaint(status, text)
        self._takes_schema = False
        return _content(text)

    def _complaint(self, status: int, text: bytes) -> ModelError:
        if 300 <= status < 400:
            return ModelError(
                f"{self._url} points to another address, which is not followed.", lasting=True
            )
        said = printable(text[:_SHOWN].decode("utf-8", "replace"))
        return ModelError(
            f"The language model's server {self._url} answered {status}: {said}",
            lasting=status in _LASTING,
        )

    def _post(
        self, address: Address, body: dict[str, Any], cancel: CancelToken | None
    ) -> tuple[int, bytes]:
        """The status and the body of the answer to one request."""
        find = partial(numbers, address, self._look_up, remote=self._remote)
        # Its thread hears of a silent server later than the loop below: the message is that one's.
        connection = _Connection(address, find, 2 * self._answer_limit)
        answer: Future[tuple[int, bytes]] = Future()
        # In a thread of its own: a server that sends a byte a second keeps any time-out waiting,
        # and looking up a name knows none.
        threading.Thread(
            target=_exchange,
            args=(connection, address, body, answer),
            name="llm server",
            daemon=True,
        ).start()
        end = time.monotonic() + self._answer_limit
        try:
            while not wait([answer], _TICK).done:
                if self._closed.is_set() or (cancel is not None and cancel.cancelled):
                    raise Cancelled
                if time.monotonic() > end:
                    raise ModelError(
                        f"The language model's server {self._url} gave no answer within"
                        f" {self._answer_limit:g} s."
                    )
            return answer.result()
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ModelError(
                f"The language model's server {self._url} gave no usable answer ({reason}). "
                "Is it running?"
            ) from error
        finally:
            connection.give_up()


def parse(url: str) -> Address:
    """Takes a server's address apart.

    Raises:
        ModelError: It is none.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port if parts.port is not None else _PORTS.get(parts.scheme, 0)
        is_one = (
            parts.scheme in _PORTS
            and port > 0
            and "@" not in parts.netloc
            and _PLAIN.fullmatch(host)
            and _PLAIN.fullmatch(parts.path or "/")
        )
    except ValueError:
        is_one = None
    if not is_one:
        raise ModelError(
            f'The language model\'s server cannot be "{url}": write it like '
            'http://127.0.0.1:8080/v1 (the setting "llm_server").'
        )
    return Address(url, host, port, parts.path.rstrip("/"), parts.scheme == "https")


def numbers(address: Address, look_up: LookUp, *, remote: bool) -> Sequence[Number]:
    """Looks up where a server may be connected to.

    Raises:
        ModelError: It cannot be found, or is another machine without leave.
    """
    try:
        found = look_up(address.host, address.port)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The language model's server {address.url} cannot be found ({error})."
        ) from error
    if not remote and not all(map(_is_here, found)):
        raise ModelError(
            f"The language model's server {address.url} is another machine. Titles, artists and "
            'tags of your music would be sent there; the setting "llm_server_remote" allows it.',
            lasting=True,
        )
    return found


def _is_here(number: Number) -> bool:
    """Whether it is this machine."""
    return ipaddress.ip_address(str(number[4][0]).partition("%")[0]).is_loopback


class _Connection(http.client.HTTPConnection):
    """Connects to a number that was looked at and allowed, whatever the name means a moment later.

    Over TLS, too: the certificate is still that of the name.

    Args:
        address: The server.
        find: Its numbers.
        limit: Seconds for which it may be silent.
    """

    def __init__(
        self, address: Address, find: Callable[[], Sequence[Number]], limit: float
    ) -> None:
        super().__init__(address.host, address.port)
        self._secure = address.secure
        self._find = find
        self._limit = limit
        self._line: socket.socket | None = None
        self._given_up = threading.Event()

    def connect(self) -> None:
        """Connects to the first number where something listens."""
        problem = OSError("its name has no number")
        for number in self._find():
            try:
                self._line = self.sock = _line(number, min(self._limit, _CONNECT_LIMIT))
                break
            except OSError as error:
                problem = error
        else:
            raise problem
        self.sock.settimeout(self._limit)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._secure:
            secure = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self._line = self.sock = secure
            self._check_wanted()
            secure.do_handshake()
        self._check_wanted()

    def give_up(self) -> None:
        """Nothing is sent any more, and a thread that waits for the server wakes up."""
        self._given_up.set()
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _check_wanted(self) -> None:
        if self._given_up.is_set():
            raise Cancelled


def _line(number: Number, limit: float) -> socket.socket:
    family, kind, protocol, _, where = number
    line = socket.socket(family, kind, protocol)
    try:
        line.settimeout(limit)
        line.connect(where)
    except BaseException:
        line.close()
        raise
    return line


def _exchange(
    connection: _Connection,
    address: Address,
    body: dict[str, Any],
    answer: Future[tuple[int, bytes]],
) -> None:
    """Sends a request and takes its answer, up to a size."""
    try:
        host = f"[{address.host}]" if ":" in address.host else address.host
        connection.request(
            "POST",
            f"{address.path}/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Host": f"{host}:{address.port}"},
        )
        response = connection.getresponse()
        text = response.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES >> 20} MB")
        answer.set_result((response.status, text))
    except BaseException as error:
        answer.set_exception(error)
    finally:
        connection.close()


def _content(text: bytes) -> tuple[str, int]:
    """The answer's words in a chat completion, and its tokens: 0 where the server does not tell.

    Raises:
        ModelError: It is none.
    """
    try:
        completion = json.loads(text)
        content = str(completion["choices"][0]["message"]["content"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelError(
            "The language model's server sent something else than an answer."
        ) from error
    usage = completion.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else 0
    return content, min(count, len(text)) if isinstance(count, int) and count > 0 else 0


def _object(text: str) -> str:
    """The JSON object in an answer, which may have thoughts before it and a fence around it."""
    text = text.rpartition("</think>")[2]
    return text[text.find("{") : text.rfind("}") + 1]
