"""The person's settings: each declared once, kept as TOML, shown by `config` and the dialog.

`Settings` is the one table: type, default, title, description and bounds. A key or value in the
file that this program does not know is kept aside (in `kept_aside`, written back at every save)
and reported, never lost.
"""

from __future__ import annotations

import logging
import os
import tempfile
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from msa_desktop.base.errors import UserError
from msa_desktop.base.proposals import Policy

_log = logging.getLogger(__name__)
_ASIDE = "kept_aside"


class Theme(StrEnum):
    """Colours of the window."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Device(StrEnum):
    """Where neural networks run that can run on more than the processor."""

    AUTO = "auto"  # the graphics card if there is one that can, else the processor
    CUDA = "cuda"
    MPS = "mps"  # Apple's
    CPU = "cpu"


class ClapModel(StrEnum):
    """The models of the catalogue that LAION-CLAP can run."""

    MUSIC = "clap-music"
    SPEECH = "clap-music-speech"


class TaggerChoice(StrEnum):
    """Who chooses and words what is proposed."""

    RULES = "rules"
    MODEL = "model"  # a language model in this program
    SERVER = "server"  # a language model in a server of the person's own


class Settings(BaseModel):
    """Every setting of the program. `json_schema_extra["group"]` is its page in the dialog."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    theme: Annotated[
        Theme,
        Field(
            title="Colours",
            description="Light, dark, or whatever the system uses.",
            json_schema_extra={"group": "Window"},
        ),
    ] = Theme.SYSTEM
    similar_count: Annotated[
        int,
        Field(
            ge=5,
            le=200,
            title="Similar tracks shown",
            description="How many tracks Find similar lists.",
            json_schema_extra={"group": "Window"},
        ),
    ] = 25
    watch: Annotated[
        bool,
        Field(
            title="Watch folders",
            description="Notice new, changed and removed files while the program runs.",
            json_schema_extra={"group": "Library"},
        ),
    ] = True
    measure: Annotated[
        bool,
        Field(
            title="Measure tempo, key and loudness",
            description="When everything was listened to. It takes longer than the listening.",
            json_schema_extra={"group": "Library"},
        ),
    ] = True
    exclude: Annotated[
        tuple[str, ...],
        Field(
            title="Leave out",
            description="Patterns of files and folders to ignore, such as *.part or Podcasts/*.",
            json_schema_extra={"group": "Library"},
        ),
    ] = ()
    follow_links: Annotated[
        bool,
        Field(
            title="Follow folder links",
            description="Also look into folders that are symbolic links. Loops are noticed.",
            json_schema_extra={"group": "Library"},
        ),
    ] = True
    workers: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            title="Analysis processes",
            description="How many files are listened to at once. 0: one for each core but one.",
            json_schema_extra={"group": "Analysis"},
        ),
    ] = 0
    device: Annotated[
        Device,
        Field(
            title="Runs on",
            description="Where LAION-CLAP and TTMR++ run. auto: the graphics card, if it can.",
            json_schema_extra={"group": "Analysis"},
        ),
    ] = Device.AUTO
    clap_model: Annotated[
        ClapModel,
        Field(
            title="LAION-CLAP's model",
            description="Which is used where both are installed. What each has heard is kept.",
            json_schema_extra={"group": "Analysis"},
        ),
    ] = ClapModel.MUSIC
    windows: Annotated[
        int,
        Field(
            ge=2,
            le=30,
            title="Windows of a track",
            description="Of 10 s, that LAION-CLAP and TTMR++ hear. Another number: all is heard "
            "by them again.",
            json_schema_extra={"group": "Analysis"},
        ),
    ] = 6
    file_time_limit: Annotated[
        int,
        Field(
            ge=5,
            le=3600,
            title="Seconds for one file",
            description="A file that takes longer is given up and listed under Needs attention.",
            json_schema_extra={"group": "Analysis"},
        ),
    ] = 120
    genre_policy: Annotated[
        Policy,
        Field(
            title="Genre",
            description="Fill what is missing, add to what is there, replace it, or never propose.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = Policy.FILL
    mood_policy: Annotated[
        Policy,
        Field(
            title="Mood",
            description="Fill what is missing, add to what is there, replace it, or never propose.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = Policy.FILL
    bpm_policy: Annotated[
        Policy,
        Field(
            title="BPM",
            description="Fill where it is missing (add means the same), replace, or never propose.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = Policy.FILL
    key_policy: Annotated[
        Policy,
        Field(
            title="Key",
            description="Fill where it is missing (add means the same), replace, or never propose.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = Policy.FILL
    grouping_policy: Annotated[
        Policy,
        Field(
            title="Grouping",
            description="Fill what is missing, add to what is there, replace it, or never propose.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = Policy.NEVER
    summary_policy: Annotated[
        Policy,
        Field(
            title="Summary",
            description="Fill where it is missing (add means the same), replace, or never propose.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = Policy.FILL
    replaygain_policy: Annotated[
        Policy,
        Field(
            title="ReplayGain",
            description="Track gain and peak, as measured: where missing, replaced, or never.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = Policy.NEVER
    least_confidence: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            title="Least confidence",
            description="Nothing is proposed that the program is less sure of.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = 0.6
    allowed_words: Annotated[
        tuple[str, ...],
        Field(
            title="Only these words",
            description="Genres and moods to propose; with none given, all that the program knows.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = ()
    denied_words: Annotated[
        tuple[str, ...],
        Field(
            title="Never these words",
            description="Genres and moods that are never proposed, nor named in a summary.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = ()
    renamed_words: Annotated[
        tuple[str, ...],
        Field(
            title="Other words",
            description="Your word for one of the program's, such as Hip-Hop = Rap.",
            json_schema_extra={"group": "Tags"},
        ),
    ] = ()
    keep_modification_time: Annotated[
        bool,
        Field(
            title="Keep the files' modification time",
            description="A file whose tags are written keeps the time it had.",
            json_schema_extra={"group": "Writing"},
        ),
    ] = True
    separate_hard_links: Annotated[
        bool,
        Field(
            title="Write files that have several names",
            description="A hard link that is written becomes a file of its own. Off: left alone.",
            json_schema_extra={"group": "Writing"},
        ),
    ] = False
    history_megabytes: Annotated[
        int,
        Field(
            ge=1,
            le=100_000,
            title="Room for undo",
            description="Megabytes for what takes writes back; then the oldest are let go.",
            json_schema_extra={"group": "Writing"},
        ),
    ] = 1000
    stems_model: Annotated[
        str,
        Field(
            title="Model",
            description="What takes tracks apart: htdemucs, or htdemucs-6s (guitar and piano too).",
            json_schema_extra={"group": "Stems"},
        ),
    ] = "htdemucs"
    stems_cache_gigabytes: Annotated[
        int,
        Field(
            ge=1,
            le=10000,
            title="Space for stems",
            description="Gigabytes of stems that are kept; the longest unused go first. "
            "A track of four minutes takes 0.34.",
            json_schema_extra={"group": "Stems"},
        ),
    ] = 10
    tagger: Annotated[
        TaggerChoice,
        Field(
            title="Who words the proposals",
            description="Rules, a language model that chooses among their words, or your server.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = TaggerChoice.RULES
    llm_model: Annotated[
        str,
        Field(
            title="Language model",
            description="The id of an installed model; empty: the largest there is.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = ""
    llm_threads: Annotated[
        int,
        Field(
            ge=0,
            le=256,
            title="Threads",
            description="How many the model computes with. 0: one for each core but one.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = 0
    llm_context: Annotated[
        int,
        Field(
            ge=512,
            le=131072,
            title="Context",
            description="Tokens that prompt and answer may have together.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = 4096
    llm_gpu_layers: Annotated[
        int,
        Field(
            ge=-1,
            le=1000,
            title="Layers on the graphics card",
            description="How many, where llama.cpp was built for it. -1: all.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = -1
    llm_memory_megabytes: Annotated[
        int,
        Field(
            ge=0,
            le=1000000,
            title="Most memory",
            description="Megabytes that the model's process may take. 0: no limit.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = 0
    llm_idle_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=86400,
            title="Seconds until unloaded",
            description="So long without work, and the model leaves the memory.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = 300
    llm_server: Annotated[
        str,
        Field(
            title="Server",
            description="OpenAI-compatible: llama-server, Ollama, LM Studio and the like.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = "http://127.0.0.1:8080/v1"
    llm_server_model: Annotated[
        str,
        Field(
            title="Model of the server",
            description="Its name there; empty: whatever the server has loaded.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = ""
    llm_server_remote: Annotated[
        bool,
        Field(
            title="Allow a server elsewhere",
            description="Titles, artists and tags of your music are then sent to that address.",
            json_schema_extra={"group": "Language model"},
        ),
    ] = False
    log_level: Annotated[
        str,
        Field(
            pattern="^(DEBUG|INFO|WARNING|ERROR)$",
            title="Log detail",
            description="DEBUG, INFO, WARNING or ERROR; from the next start.",
            json_schema_extra={"group": "Program"},
        ),
    ] = "INFO"

    @property
    def worker_count(self) -> int:
        """Analysis processes to run: the setting, or one a core less one and at least one."""
        return self.workers or max(1, (os.cpu_count() or 2) - 1)

    @property
    def stems_cache_bytes(self) -> int:
        """Bytes of stems that are kept."""
        return self.stems_cache_gigabytes * 10**9


class SettingsFile:
    """One TOML file of settings.

    Args:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.warnings: list[str] = []
        self._aside: dict[str, Any] = {}
        self.values = self._load()

    def _load(self) -> Settings:
        try:
            table = tomllib.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return Settings()
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            spare = self._path.with_suffix(".toml.bad")
            os.replace(self._path, spare)
            self._warn(f"The settings {self._path} cannot be read ({error}): moved to {spare}.")
            return Settings()
        aside = table.pop(_ASIDE, {})
        self._aside = aside if isinstance(aside, dict) else {_ASIDE: aside}
        good: dict[str, Any] = {}
        for key, value in table.items():
            try:
                good[key] = parse(key, value)
            except UserError as error:
                self._aside[key] = value
                self._warn(f"{self._path}: {error} It is kept aside and the default is used.")
        return Settings(**good)

    def _warn(self, text: str) -> None:
        _log.warning(text)
        self.warnings.append(text)

    def set(self, key: str, value: Any) -> Settings:
        """Changes one setting and saves.

        Raises:
            UserError: An unknown key or a value out of its bounds.
        """
        return self.replace(self.values.model_copy(update={key: parse(key, value)}))

    def reset(self, key: str) -> Settings:
        """Gives one setting its default again and saves."""
        return self.set(key, declared(key).default)

    def replace(self, values: Settings) -> Settings:
        """Saves all settings in one step: the old file or the new one, never half of one."""
        table = values.model_dump(mode="json", exclude_defaults=True)
        if self._aside:
            table[_ASIDE] = self._aside
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".settings-")
        try:
            with os.fdopen(handle, "wb") as file:
                tomli_w.dump(table, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self.values = values
        return values


def parse(key: str, value: Any) -> Any:
    """A setting's value from TOML or from words typed on a command line.

    Raises:
        UserError: An unknown key or a value out of its bounds.
    """
    field = declared(key)
    annotation: Any = Annotated[field.annotation, field]
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    if isinstance(value, str) and field.annotation == tuple[str, ...]:
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        what = error.errors()[0]["msg"]
        raise UserError(f'The setting "{key}" cannot be {value!r}: {what}.') from error


def declared(key: str) -> Any:
    """One setting's declaration (pydantic's FieldInfo).

    Raises:
        UserError: There is no such setting.
    """
    try:
        return Settings.model_fields[key]
    except KeyError:
        known = ", ".join(sorted(Settings.model_fields))
        raise UserError(f'There is no setting "{key}". The settings are: {known}.') from None
