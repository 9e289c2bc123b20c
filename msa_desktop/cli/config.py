"""msa-desktop config: the settings, as the settings dialog shows them."""

from __future__ import annotations

import json
from typing import Any

import click

from msa_desktop.app import usable
from msa_desktop.base.errors import UserError
from msa_desktop.base.settings import Settings, SettingsFile, declared
from msa_desktop.cli._base import USAGE, data_paths, fail, say, show, standard_options
from msa_desktop.stems.cache import Cache


@click.command("config")
@click.argument("key", required=False)
@click.argument("value", required=False)
@click.option("--reset", is_flag=True, help="Give KEY its default again.")
@standard_options
def command(key: str | None, value: str | None, reset: bool) -> None:
    """Shows all settings, shows one (KEY), or changes one (KEY VALUE)."""
    paths = data_paths()
    with usable(paths):
        file = SettingsFile(paths.settings)
    for warning in file.warnings:
        say(warning, err=True)
    if key is None:
        if reset:
            raise click.UsageError("--reset needs the KEY of one setting.")
        keys = list(Settings.model_fields)
    else:
        with usable(paths):
            try:
                if value is not None:
                    file.set(key, value)
                elif reset:
                    file.reset(key)
                else:
                    declared(key)
            except UserError as error:
                fail(str(error), USAGE)
        if key == "stems_cache_gigabytes":  # a lower limit frees its space at once
            with usable(paths):
                Cache(paths.stems).make_room(file.values.stems_cache_bytes)
        keys = [key]
    values: dict[str, Any] = file.values.model_dump(mode="json")
    lines = []
    for name in keys:
        lines.append(f"{name} = {json.dumps(values[name])}")
        lines.append(f"    {Settings.model_fields[name].description}")
    show({name: values[name] for name in keys}, lines)
