from __future__ import annotations

from msa_desktop.base.events import Event, EventBus, RootsChanged


def test_every_subscriber_hears_of_it() -> None:
    bus = EventBus()
    first: list[Event] = []
    second: list[Event] = []
    bus.subscribe(first.append)
    end = bus.subscribe(second.append)
    bus.publish(RootsChanged())
    end()
    end()
    bus.publish(RootsChanged())
    assert len(first) == 2
    assert len(second) == 1


def test_one_that_raises_does_not_stop_the_others() -> None:
    bus = EventBus()
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise ValueError(event)

    bus.subscribe(broken)
    bus.subscribe(heard.append)
    bus.publish(RootsChanged())
    assert heard == [RootsChanged()]
