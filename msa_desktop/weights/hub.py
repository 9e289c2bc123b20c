"""Where a file of the hub is, and what it is.

Addresses, tokens, offline mode, proxies and certificates are huggingface_hub's (HF_ENDPOINT,
HF_TOKEN or its login, HF_HUB_OFFLINE, HTTPS_PROXY, SSL_CERT_FILE, ...). The questions are our own:
its own also ask the hub which programs are to be reported, and tell what is installed here. So is
the transfer (see `transfer`): its own checks no SHA-256.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msa_desktop
from msa_desktop.base.errors import UserError
from msa_desktop.weights.catalogue import Hub

if TYPE_CHECKING:
    import httpx2

TIMEOUT = 10.0  # seconds without a byte; also how late a cancel may be heard on a dead line
_LONGEST_WAIT = 120.0  # seconds that a server may ask us to stay away
_MOST_REDIRECTS = 5
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_SHA256_LENGTH = 64
_OFFLINE = (
    "Nothing is downloaded: offline mode is on (HF_HUB_OFFLINE). Turn it off, or add files you "
    "have: msa-desktop models add"
)
USER_AGENT = f"msa-desktop/{msa_desktop.__version__}"


class TryAgain(Exception):  # noqa: N818 - an outcome of one attempt
    """An attempt failed of something that may pass.

    Attributes:
        wait: Seconds the server asked for, or None.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a file is now, and what the server says it is.

    Attributes:
        url: May be a signed address of another host that ends within the hour.
        size: Bytes.
        mark: Changes with the content (the ETag); "" where the server gives none.
        sha256: As the server says, or "".
        revision: The commit, or "".
        headers: To be sent along.
    """

    url: str
    size: int
    mark: str = ""
    sha256: str = ""
    revision: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def locate(hub: Hub, name: str) -> Remote:
    """Asks the hub for a file.

    Raises:
        UserError: It will not give it, or is not to be asked.
        TryAgain: It may give it later.
    """
    # Start-up cost: only a download pays it.
    from huggingface_hub import constants, get_token, hf_hub_url  # noqa: PLC0415

    url = hf_hub_url(hub.repository, name, revision=hub.revision, endpoint=_endpoint() or None)
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    secret = {"authorization": f"Bearer {token}"} if token else {}
    with opened("HEAD", url, {**secret, "accept-encoding": "identity"}, leave=False) as response:
        facts = dict(response.headers)
        if response.status_code >= 400:
            page = f"{_endpoint() or 'https://huggingface.co'}/{hub.repository}"
            raise refusal(response, f"{hub.repository}/{name}", page)
        there = response.next_request
    # A redirect's own length is not the file's.
    size = facts.get("x-linked-size") or ("" if there else facts.get("content-length", ""))
    if not size.isdecimal():
        raise TryAgain(f"{response.url.host} does not say how large {name} is")
    mark = (facts.get("x-linked-etag") or facts.get("etag", "")).removeprefix("W/").strip('"')
    return Remote(
        str(there.url if there else response.url),
        int(size),
        mark,
        mark if len(mark) == _SHA256_LENGTH else "",
        facts.get("x-repo-commit", ""),
        {} if there else secret,  # the token is for the hub alone, not for its store
    )


def check_online() -> None:
    """Asks nobody anything; for downloads that do not go through `opened`.

    Raises:
        UserError: Offline mode is on.
    """
    from huggingface_hub import constants  # noqa: PLC0415 - start-up cost

    if constants.HF_HUB_OFFLINE:
        raise UserError(_OFFLINE)


@contextmanager
def opened(
    method: str, url: str, headers: Mapping[str, str], *, leave: bool = True
) -> Iterator[httpx2.Response]:
    """An answer, its body unread; every address on the way to it is a safe one.

    To another server only if it may `leave`; else the answer that leads there is given.

    Raises:
        UserError: An address is not safe, the way does not end, or offline mode is on.
        TryAgain: The line is down or broke, also while the body is read.
    """
    import httpx2  # noqa: PLC0415 - start-up cost
    from huggingface_hub import get_session  # noqa: PLC0415
    from huggingface_hub.errors import OfflineModeIsEnabled  # noqa: PLC0415

    try:
        client = get_session()
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise UserError(
            f"The proxy that is set (HTTPS_PROXY, ...) is of no use: {error}"
        ) from error
    agent = {"user-agent": USER_AGENT}
    request = client.build_request(method, url, headers={**agent, **headers}, timeout=TIMEOUT)
    try:
        for _ in range(_MOST_REDIRECTS):
            check_address(str(request.url))
            response = client.send(request, stream=True, follow_redirects=False)
            try:
                there = response.next_request  # without the token, where the host is another
                if there is None or not (leave or _origin(there) == _origin(request)):
                    if there is not None:
                        check_address(str(there.url))
                    yield response
                    return
                request = there
            finally:
                response.close()
    except OfflineModeIsEnabled as error:
        raise UserError(_OFFLINE) from error
    except httpx2.TransportError as error:
        host = request.url.host
        raise TryAgain(f"{host} cannot be reached ({error or 'no answer'})") from error
    raise UserError(f"{request.url.host} sends us in circles.")


def refusal(response: httpx2.Response, what: str, page: str) -> UserError | TryAgain:
    """What a status that is no success means."""
    status = response.status_code
    if status in _PASSING:
        asked = response.headers.get("retry-after", "")
        wait = float(asked) if asked.isdecimal() else None
        if wait is not None and wait > _LONGEST_WAIT:
            return UserError(
                f"The server asks to be left alone for {wait / 60:.0f} minutes ({status}). "
                "Try again then; what came is kept."
            )
        return TryAgain(f"the server answered {status}", wait)
    if status in (401, 403):
        return UserError(
            f"The server does not give out {what} ({status}). If {page} asks for it, accept the "
            "licence there and set HF_TOKEN to a token of yours; or add the file: "
            "msa-desktop models add"
        )
    if status == 404:
        return UserError(f"{what} is not there any more (404). A newer program may know where.")
    return UserError(f"The server refused {what}: it answered {status}.")


def check_address(url: str) -> None:
    """Refuses to fetch over a line that anybody on it could change.

    Raises:
        UserError: The address is not HTTPS, not this machine, and not what HF_ENDPOINT asks for.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return
    asked = urlsplit(_endpoint())
    if parts.scheme == "http" and (_is_loopback(parts.hostname) or parts[:2] == asked[:2]):
        return
    raise UserError(
        f"{parts.scheme}://{parts.hostname} is no safe line to download from (not HTTPS)."
    )


def _origin(request: httpx2.Request) -> tuple[str, bytes]:
    return request.url.scheme, request.url.netloc


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/")
