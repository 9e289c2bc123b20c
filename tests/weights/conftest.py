from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support_hub import Hub, in_place


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with in_place(monkeypatch) as server:
        yield server
