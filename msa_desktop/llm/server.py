"""A language model behind an OpenAI-compatible server: llama-server, Ollama, LM Studio.

What goes there is what a model is asked: titles, artists and tags of the person's music. So it goes
to this machine alone unless the person allowed another, and never where a server points to. What
comes back is believed no more than what any model says, and bounded in time and size.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from msa_desktop.base.errors import Cancelled, UserError
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
_REFUSALS = (400, 404, 422, 501)  # of a server that does not know json_schema
_SHOWN = 200  # characters of what a server said


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is.

    Attributes:
        host: Its name, as the person wrote it.
        path: What all its addresses begin with, such as "/v1".
        secure: Whether it is spoken to by TLS.
        numeric: The address that was looked up and allowed; None where any is.
    """

    host: str
    port: int
    path: str
    secure: bool
    numeric: str | None


class ServerModel:
    """A server's model.

    Args:
        url: The server's address, such as http://127.0.0.1:8080/v1.
        model: The model's name there; "" for the one that it has loaded.
        remote: Whether the server may be another machine.
        answer_limit: Seconds for one answer.
    """

    kind = "server"

    def __init__(
        self, url: str, model: str = "", *, remote: bool = False, answer_limit: float = 120.0
    ) -> None:
        self._url = url
        self._model = model
        self._remote = remote
        self._answer_limit = answer_limit
        self._takes_schema = True
        self._closed = threading.Event()
        self._rest = Rest()

    def ask(self, evidence: Evidence, known: Candidates, cancel: CancelToken | None) -> Told:
        """See `llm.llama.Backend`."""
        if self._closed.is_set():
            raise Cancelled
        self._rest.check()
        began = time.monotonic()
        try:
            text, written = self._answer(
                prompt.data(evidence, known, prompt.NEIGHBOURS[0]), known, cancel
            )
            told = parsed(_object(text), known)
        except UserError as error:
            raise self._rest.failed(str(error)) from error
        self._rest.succeeded()
        return replace(told, tokens=Tokens(written, time.monotonic() - began if written else 0.0))

    def close(self) -> None:
        """Gives up what is under way."""
        self._closed.set()

    def _answer(self, data: str, known: Candidates, cancel: CancelToken | None) -> tuple[str, int]:
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
            status, text = self._post(asked, cancel)
            if status == http.client.OK:
                return _content(text)
            if status not in _REFUSALS:
                raise ModelError(self._complaint(status, text))
        status, text = self._post(body, cancel)
        if status != http.client.OK:
            raise ModelError(self._complaint(status, text))
        self._takes_schema = False
        return _content(text)

    def _complaint(self, status: int, text: bytes) -> str:
        if 300 <= status < 400:
            return f"{self._url} points to another address, which is not followed."
        said = printable(text[:_SHOWN].decode("utf-8", "replace"))
        return f"The language model's server {self._url} answered {status}: {said}"

    def _post(self, body: dict[str, Any], cancel: CancelToken | None) -> tuple[int, bytes]:
        """The status and the body of the answer to one request."""
        address = resolved(self._url, remote=self._remote)
        connection = _connection(address, self._answer_limit)
        answer: Future[tuple[int, bytes]] = Future()
        # In a thread of its own: a server that sends a byte a second keeps any time-out waiting.
        threading.Thread(
            target=_exchange,
            args=(connection, address, body, answer),
            name="llm server",
            daemon=True,
        ).start()
        end = time.monotonic() + self._answer_limit
        try:
            while True:
                try:
                    return answer.result(_TICK)
                except NotYet:
                    if self._closed.is_set() or (cancel is not None and cancel.cancelled):
                        raise Cancelled from None
                    if time.monotonic() > end:
                        raise ModelError(
                            f"The language model's server {self._url} gave no answer within"
                            f" {self._answer_limit:g} s."
                        ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ModelError(
                f"The language model's server {self._url} gave no usable answer ({reason}). "
                "Is it running?"
            ) from error
        finally:
            if (line := connection.sock) is not None:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)  # wakes the thread, which closes it


def resolved(url: str, *, remote: bool) -> Address:
    """Looks up a server's address.

    Raises:
        ModelError: It is no address, cannot be found, or is another machine without leave.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host or port == -1 or parts.username:
        raise ModelError(
            f'The language model\'s server cannot be "{url}": write it like '
            'http://127.0.0.1:8080/v1 (the setting "llm_server").'
        )
    secure = parts.scheme == "https"
    address = Address(host, port or (443 if secure else 80), parts.path.rstrip("/"), secure, None)
    if remote:
        return address
    try:
        found = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ModelError(f"The language model's server {url} cannot be found ({error}).") from error
    numbers = [str(entry[4][0]) for entry in found]
    if not numbers or not all(ipaddress.ip_address(n.split("%")[0]).is_loopback for n in numbers):
        raise ModelError(
            f"The language model's server {url} is another machine. Titles, artists and tags of "
            'your music would be sent there; the setting "llm_server_remote" allows it.'
        )
    # The very address that was looked at is connected to, whatever the name means a moment later.
    return Address(host, address.port, address.path, secure, numbers[0])


def _connection(address: Address, limit: float) -> http.client.HTTPConnection:
    if address.secure:
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            address.host, address.port, timeout=limit, context=context
        )
    return http.client.HTTPConnection(address.numeric or address.host, address.port, timeout=limit)


def _exchange(
    connection: http.client.HTTPConnection,
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
        content = completion["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelError(
            "The language model's server sent something else than an answer."
        ) from error
    usage = completion.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else 0
    return str(content), min(count, len(text)) if isinstance(count, int) and count > 0 else 0


def _object(text: str) -> str:
    """The JSON object in an answer, which may have thoughts before it and a fence around it."""
    text = text.rpartition("</think>")[2]
    return text[text.find("{") : text.rfind("}") + 1]
