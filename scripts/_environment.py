"""Makes the project's virtual environment and says which system libraries are missing.

Used by run.py and test.py before anything is installed: the standard library alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
DEMO = PROJECT / ".demo"  # the demo's music and its library
CONSTRAINTS = PROJECT / "scripts" / "constraints.txt"
OLDEST_PYTHON = (3, 11)

_LLAMA = "llama-cpp-python"
_LEAN_LLAMA = {
    # What the program does not use takes more than half of the build: images, downloads, tools.
    "CMAKE_ARGS": "-DLLAVA_BUILD=OFF -DLLAMA_OPENSSL=OFF "
    f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={PROJECT / 'scripts' / 'lean_llama.cmake'}"
}

DEBIAN_PACKAGES: dict[str, str] = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libpulse.so.0": "libpulse0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libXrandr.so.2": "libxrandr2",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libgomp.so.1": "libgomp1",
}
"""What Qt, its multimedia part and FAISS load from the system, and Debian's package for each."""

_BROWSER = (
    "Qt/lib/*WebEngineCore*",
    "Qt6WebEngineCore.dll",
    "**/qtwebengine_locales",
    "**/qtwebengine_*.pak",
    "**/v8_context_snapshot*",
)


class SetupFailed(Exception):  # noqa: N818 - told to the person as it is
    """The environment cannot be made; the message says why and what to do."""


def python() -> Path:
    """The environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure(extras: tuple[str, ...] = ()) -> Path:
    """Makes or updates `.venv` with the project and `extras`; returns its interpreter.

    Does nothing when the same was installed before, by the same Python, for this checkout.

    Raises:
        SetupFailed: Python is too old, venv is missing, or pip failed.
    """
    check_python(sys.version_info[:2])
    stamp = read_stamp()
    same_pins = stamp.get("pins") == pins()
    # The constraints pin one version of everything, so extras only ever add to what is there.
    wanted = {*extras, *(stamp["extras"] if same_pins else ())}
    installed = same_pins and wanted == set(stamp["extras"])
    if installed and is_ours(stamp) and python().exists():
        return python()
    if not (is_ours(stamp) and has_pip()):
        make()
        wanted = set(extras)
    target = f"{PROJECT}[{','.join(sorted(wanted))}]" if wanted else str(PROJECT)
    print("Installing what the program needs (a minute or two) ...", file=sys.stderr, flush=True)
    if not install("-e", target):
        raise SetupFailed(
            "pip could not install the program; what it printed above says why. "
            "With the network back, run this again: it goes on where it stopped."
        )
    drop_browser()
    write_stamp(pins(), wanted)
    return python()


def install(*what: str, **settings: str) -> bool:
    """Has pip install in the environment, within the constraints; whether it could.

    Args:
        what: As pip takes it.
        settings: Environment variables for a build.
    """
    command = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "-c", str(CONSTRAINTS), *what],
        env={**os.environ, **settings},
        stdout=sys.stderr,
        check=False,
    )
    return done.returncode == 0


def ensure_llama() -> bool:
    """Builds llama-cpp-python, which comes as source, unless it is there; whether it is now.

    It is no part of what must be there: a machine may have no C++ compiler.
    """
    command = [
        str(python()),
        "-c",
        "import importlib.util as u; exit(not u.find_spec('llama_cpp'))",
    ]
    if subprocess.run(command, check=False).returncode == 0:
        return True
    print(f"Building {_LLAMA} (some minutes, once) ...", file=sys.stderr, flush=True)
    return install(_LLAMA, **_LEAN_LLAMA)


def drop_browser() -> None:
    """Deletes the web browser engine (270 MB) from the environment's PySide6-Addons.

    The program needs QtMultimedia from that wheel, and never loads the browser.
    """
    for qt in VENV.glob("[Ll]ib/**/site-packages/PySide6"):
        for pattern in _BROWSER:
            for path in qt.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def pins() -> str:
    """A hash of everything that says which packages are to be installed."""
    said = (PROJECT / "pyproject.toml").read_bytes() + CONSTRAINTS.read_bytes()
    return hashlib.sha256(said).hexdigest()


def check_python(version: tuple[int, ...]) -> None:
    """Sees to it that the Python which runs this is new enough.

    Raises:
        SetupFailed: It is not.
    """
    if version < OLDEST_PYTHON:
        oldest, this = (".".join(map(str, number)) for number in (OLDEST_PYTHON, version))
        raise SetupFailed(
            f"Python {oldest} or newer is needed; {sys.executable} is Python {this}.\n"
            f"Install a newer one, then run this with it: "
            f"python{oldest} {' '.join(sys.argv)}"
        )


def make() -> None:
    """Makes `.venv` anew, empty but for pip.

    Raises:
        SetupFailed: venv or its pip is missing, or the folder cannot be written to.
    """
    print(f"Making the virtual environment {VENV} ...", file=sys.stderr, flush=True)
    try:
        venv.create(VENV, clear=True, with_pip=True)
    except (subprocess.CalledProcessError, OSError) as error:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupFailed(
            f"The virtual environment could not be made ({error}).\n"
            "On Debian and Ubuntu: apt-get install python3-venv, then run this again."
        ) from error
    # Last: an environment without a stamp was interrupted before it had its pip.
    write_stamp("", set())


def has_pip() -> bool:
    """Whether the environment has an interpreter that starts, and pip in it."""
    command = [str(python()), "-c", "import pip"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def is_ours(stamp: dict[str, Any]) -> bool:
    """Whether this Python made the environment, for the checkout where it lies now."""
    return all(stamp.get(key) == value for key, value in _maker().items())


def read_stamp() -> dict[str, Any]:
    """What was installed, by which Python and for which folder; empty when that is not known."""
    try:
        stamp = json.loads(_stamp_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(installed: str, extras: set[str]) -> None:
    """Notes for the next time which pins and extras were installed."""
    stamp = {**_maker(), "pins": installed, "extras": sorted(extras)}
    _stamp_file().write_text(json.dumps(stamp, indent=2) + "\n", "utf-8")


def _maker() -> dict[str, str]:
    return {"python": ".".join(map(str, sys.version_info[:2])), "project": str(PROJECT)}


def _stamp_file() -> Path:
    return VENV / "installed.json"


def ensure_system_libraries() -> list[str]:
    """Installs missing system libraries (root on Debian) or says how; Linux only.

    Returns:
        Names of the packages that are still missing; empty when all is there.
    """
    if not sys.platform.startswith("linux"):
        return []
    missing = _missing_packages()
    if not missing:
        return []
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing system libraries: {' '.join(missing)} ...", file=sys.stderr, flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        log = subprocess.DEVNULL
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, stdout=log, check=False)
        subprocess.run(command, env=quiet, stdout=log, check=False)
        missing = _missing_packages()
    if missing:
        print(
            "The window needs system libraries that are not here. This installs them "
            f"(Debian, Ubuntu; other systems name them alike):\n"
            f"  sudo apt-get install {' '.join(missing)}",
            file=sys.stderr,
        )
    return missing


def _missing_packages() -> list[str]:
    missing = [package for name, package in DEBIAN_PACKAGES.items() if not _loads(name)]
    if not any(Path("/usr/share/fonts").rglob("*.[to]tf")):
        missing.append("fonts-dejavu-core")
    return missing


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
