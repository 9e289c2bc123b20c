from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.base.errors import UserError
from msa_desktop.base.settings import Settings, SettingsFile, Theme, declared, parse


def test_every_setting_tells_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), name
        assert field.json_schema_extra["group"], name


def test_a_change_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "settings.toml"
    SettingsFile(path).set("theme", "dark")
    assert SettingsFile(path).values.theme is Theme.DARK
    SettingsFile(path).reset("theme")
    assert SettingsFile(path).values == Settings()
    assert list(path.parent.iterdir()) == [path]


def test_unknown_and_bad_keys_are_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('workers = 3\nfile_time_limit = "long"\nfrom_the_future = [1, 2]\n')
    file = SettingsFile(path)
    assert file.values == Settings(workers=3)
    assert len(file.warnings) == 2
    file.set("watch", "false")
    again = SettingsFile(path)
    assert again.values == Settings(workers=3, watch=False)
    assert again.warnings == []
    text = path.read_text()
    assert "from_the_future" in text
    assert '"long"' in text


def test_a_file_that_is_no_toml_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xff\xfe not toml [")
    file = SettingsFile(path)
    assert file.values == Settings()
    assert "moved" in file.warnings[0]
    assert (tmp_path / "settings.toml.bad").read_bytes().startswith(b"\xff\xfe")


def test_words_from_the_command_line() -> None:
    assert parse("exclude", "*.part, Podcasts/*") == ("*.part", "Podcasts/*")
    assert parse("workers", "4") == 4
    assert parse("watch", "no") is False


@pytest.mark.parametrize(
    ("key", "value"), [("workers", -1), ("workers", "many"), ("log_level", "LOUD"), ("colour", 1)]
)
def test_bad_values_are_refused_in_words(key: str, value: object) -> None:
    with pytest.raises(UserError, match=key):
        parse(key, value)


@given(st.integers())
def test_bounds_hold(value: int) -> None:
    if 5 <= value <= 200:
        assert parse("similar_count", value) == value
    else:
        with pytest.raises(UserError):
            parse("similar_count", value)


def test_unknown_settings_name_the_known_ones() -> None:
    with pytest.raises(UserError, match="theme"):
        declared("thme")
