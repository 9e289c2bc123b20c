"""Makes the project's virtual environment and says which system libraries are missing.

Used by run.py and test.py before anything is installed: the standard library alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
CONSTRAINTS = PROJECT / "scripts" / "constraints.txt"

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
    "libgomp.so.1": "libgomp1",
}
"""What Qt, its multimedia part and FAISS load from the system, and Debian's package for each."""


class SetupFailed(Exception):  # noqa: N818 - told to the person as it is
    """The environment cannot be made; the message says why and what to do."""


def python() -> Path:
    """The environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure(extras: tuple[str, ...] = ()) -> Path:
    """Makes or updates `.venv` with the project and `extras`; returns its interpreter.

    Does nothing when the same was installed before (a stamp of pyproject.toml and the constraints).

    Raises:
        SetupFailed: Python is too old, venv is missing, or pip failed.
    """
    wanted = _stamp(extras)
    stamp = VENV / "installed.txt"
    if python().exists() and stamp.exists() and wanted in stamp.read_text().split():
        return python()
    if not python().exists():
        print(f"Making the virtual environment {VENV} ...", file=sys.stderr, flush=True)
        try:
            venv.create(VENV, with_pip=True)
        except (subprocess.CalledProcessError, OSError) as error:
            shutil.rmtree(VENV, ignore_errors=True)
            raise SetupFailed(
                f"The virtual environment could not be made ({error}).\n"
                "On Debian and Ubuntu: apt-get install python3-venv, then run this again."
            ) from error
    target = f"{PROJECT}[{','.join(extras)}]" if extras else str(PROJECT)
    print("Installing what the program needs (a minute or two) ...", file=sys.stderr, flush=True)
    command = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "-c", str(CONSTRAINTS), "-e", target], stdout=sys.stderr, check=False
    )
    if done.returncode:
        raise SetupFailed(
            "pip could not install the program; what it printed above says why. "
            "With the network back, run this again: it goes on where it stopped."
        )
    # The constraints pin one version of everything, so extras only ever add to what is there.
    earlier = stamp.read_text().split() if stamp.exists() else []
    same_pins = [line for line in earlier if line.startswith(wanted.split(":", 1)[0])]
    stamp.write_text("\n".join([*same_pins, wanted, _stamp(())]) + "\n")
    return python()


def _stamp(extras: tuple[str, ...]) -> str:
    pins = hashlib.sha256((PROJECT / "pyproject.toml").read_bytes() + CONSTRAINTS.read_bytes())
    return f"{pins.hexdigest()}:{','.join(sorted(extras))}"


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
