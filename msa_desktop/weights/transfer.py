"""One file from a server to the disk: goes on where it was cut, and is whole or not there.

The bytes go to a `.part` file whose name holds the content's mark, so that what is left of another
content is never continued. (If-Range cannot tell: the store behind a hub gives other marks than the
hub.) Size and SHA-256 are checked on what the disk holds, before the file gets its name.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.weights import files
from msa_desktop.weights.catalogue import ModelFile
from msa_desktop.weights.files import Progress
from msa_desktop.weights.hub import Remote, TryAgain, opened, refusal

if TYPE_CHECKING:
    import httpx2

_PART = ".part"
_ATTEMPTS = 5  # in a row that bring nothing new
_TICK = 0.1  # seconds between two looks at the cancel token
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")

Pause = Callable[[float, CancelToken], None]


def pause(seconds: float, cancel: CancelToken) -> None:
    """Waits.

    Raises:
        Cancelled: The person did not want to.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        cancel.check()
        time.sleep(min(_TICK, left))


def fetch(
    locate: Callable[[], Remote],
    file: ModelFile,
    target: Path,
    *,
    cancel: CancelToken,
    progress: Progress,
    checking: Progress,
    wait: Pause = pause,
) -> tuple[str, str]:
    """Downloads a file.

    Args:
        locate: Says where it is; asked before each attempt, because signed addresses end.
        file: What is known of it.
        target: Where it goes; its folder exists.
        progress: Told of the bytes that came.
        checking: Told of the bytes that were checked.
        cancel: Looked at with every block.
        wait: Waits between attempts; a test hands in its own.

    Returns:
        Its SHA-256 and the revision.

    Raises:
        UserError: It cannot be had, is not what it should be, or the disk is full.
        Cancelled: The person ended it; what came is kept.
    """
    most = failures = 0
    while True:
        cancel.check()
        part = None
        try:
            remote = locate()
            _check_size(remote, file)
            part = _part(target, remote)
            with files.writing(target.parent):
                if target.exists():  # whole, of an install that was ended before the last file
                    if target.stat().st_nlink > 1:
                        target.unlink()  # a person's own file: adding it was ended before its check
                    else:
                        os.replace(target, part)
                _transfer(remote, part, cancel, progress)
            break
        except TryAgain as trouble:
            came = part.stat().st_size if part is not None and part.exists() else 0
            # A server that cannot go on where it was cut would be tried for ever.
            failures, most = (0, came) if came > most else (failures + 1, most)
            if failures == _ATTEMPTS:
                raise UserError(
                    f"{file.name} could not be downloaded: {trouble}. Try again later; what came "
                    "is kept, and the rest follows."
                ) from trouble
            wait(trouble.wait if trouble.wait is not None else 2.0**failures, cancel)
    with files.writing(target.parent):
        digest = _check(part, remote, file, cancel, checking)
        with part.open("rb+") as whole:
            files.flush(whole)
        os.replace(part, target)
        for other in _parts(target):
            other.unlink()
    return digest, remote.revision


def came_so_far(target: Path) -> int:
    """Bytes of a file that are here already, whole or in part."""
    if target.exists():
        return target.stat().st_size
    return max((part.stat().st_size for part in _parts(target)), default=0)


def _parts(target: Path) -> list[Path]:
    found = target.parent.glob(f"*{_PART}") if target.parent.is_dir() else ()
    return [part for part in found if part.name.startswith(f"{target.name}.")]


def _part(target: Path, remote: Remote) -> Path:
    mark = hashlib.sha256(f"{remote.mark} {remote.size}".encode()).hexdigest()[:16]
    part = target.with_name(f"{target.name}.{mark}{_PART}")
    if not remote.mark:
        part.unlink(missing_ok=True)  # nothing says that it is the same content still
    return part


def _check_size(remote: Remote, file: ModelFile) -> None:
    if file.size is not None and remote.size != file.size:
        raise UserError(
            f"The server has another {file.name} than the program knows: {remote.size} bytes, not "
            f"{file.size}. Nothing was downloaded. A newer program may know it."
        )


def _transfer(remote: Remote, part: Path, cancel: CancelToken, progress: Progress) -> None:
    """Brings what is missing, in one attempt."""
    have = part.stat().st_size if part.exists() else 0
    if have > remote.size:
        part.unlink()
        have = 0
    progress(have)
    if have == remote.size:
        return
    headers = {**remote.headers, "accept-encoding": "identity"}
    if have:
        headers["range"] = f"bytes={have}-"
    with opened("GET", remote.url, headers) as response, part.open("ab", buffering=0) as file:
        if response.status_code not in (200, 206):
            raise _refused(response)
        if response.status_code == 200:
            file.truncate(0)  # the server sends all of it
        elif not _goes_on(response, have, remote.size):
            raise TryAgain("the server sent another piece than was asked for")
        for block in response.iter_raw():
            cancel.check()
            _write(file.fileno(), block)
            if file.tell() > remote.size:
                file.truncate(0)
                raise TryAgain(f"the server sent more than the {remote.size} bytes it said")
            progress(file.tell())
    if part.stat().st_size < remote.size:
        raise TryAgain("the server ended early")


def _write(handle: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(handle, view) :]


def _refused(response: httpx2.Response) -> UserError | TryAgain:
    host, name = response.url.host, response.url.path.rpartition("/")[2]
    # A signed address that has ended; a new one is asked for. It ends in a refusal if it is one.
    if response.status_code in (400, 401, 403, 416):
        return TryAgain(f"{host} answered {response.status_code}")
    return refusal(response, name, host)


def _goes_on(response: httpx2.Response, have: int, size: int) -> bool:
    piece = _RANGE.fullmatch(response.headers.get("content-range", ""))
    return piece is not None and (int(piece[1]), int(piece[2])) == (have, size)


def _check(
    part: Path, remote: Remote, file: ModelFile, cancel: CancelToken, checking: Progress
) -> str:
    digest = files.hash_file(part, cancel, checking)
    for expected in (file.sha256, remote.sha256):
        if expected and digest != expected:
            part.unlink()
            raise UserError(
                f"{file.name} came damaged or is another file (its SHA-256 differs). It was thrown "
                "away. Try again; if it happens again, the server or something on the way changes "
                "it."
            )
    return digest
