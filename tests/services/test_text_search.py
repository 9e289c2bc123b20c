from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Embedding, FloatArray
from msa_desktop.services import text_search
from msa_desktop.services.ears import Ears
from msa_desktop.services.text_search import Meaning, make
from msa_desktop.store import writes
from msa_desktop.store.vectors import VectorIndex
from tests.services.text_house import TABLE, VOCABULARY, House
from tests.store.shelf import ENCODER


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path / "data") as made:
        yield made


def test_what_is_heard(house: House) -> None:
    house.crowd()
    piano = house.put("a.mp3", sounds={"piano": 8, "loud": 8, "fast": 5})
    calm = house.put("b.mp3", sounds={"piano": 5, "quiet": 6, "soft": 5, "mellow": 5})
    quiet = house.put("c.mp3", sounds={"quiet": 9, "soft": 9, "mellow": 9})
    found = house.ask("calm piano")
    assert found.hits[0].track.id == calm
    assert {"piano", "Calm"} == set(found.hits[0].labels)
    assert {piano, quiet} <= {hit.track.id for hit in found.hits[1:3]}
    assert 0 < found.hits[1].score < found.hits[0].score < 1
    words = [meaning.words for meaning in found.understood.meanings]
    assert words == ["calm", "piano"]
    assert all(meaning.found for meaning in found.understood.meanings)


def test_negated(house: House) -> None:
    house.crowd()
    sung = house.put("a.mp3", sounds={"rock": 4, "vocals": 9, "female vocals": 9})
    drums = house.put("b.mp3", sounds={"rock": 4, "drums": 5})
    plain = house.put("c.mp3", sounds={"rock": 4})
    for text in ("rock no vocals", "rock -vocals", "instrumental rock", "rock without singing"):
        assert set(house.find(text, 2)) == {drums, plain}, text
    assert house.find("rock -drums -vocals", 1) == [plain]
    assert house.find("rock with singing", 1) == [sung]


def test_what_nothing_stands_out_by_is_said_and_counts_less(house: House) -> None:
    house.crowd()
    rock = house.put("a.mp3", sounds={"rock": 4, "opera": 0.3})
    for n in range(30):
        house.put(f"low/{n}.mp3", sounds={"opera": 0.4 + 0.01 * n, "rock": 0.5})
    found = house.ask("rock zither harp")
    assert found.understood.ignored == ("zither",)
    assert found.hits[0].track.id == rock


def test_tags_are_witnesses(house: House) -> None:
    house.crowd()
    said = house.put("a.mp3", genre=("Death Metal",))
    mood = house.put("b.mp3", mood=("Peaceful",))
    summary = house.put("c.mp3", summary="A piece for harp and rain.")
    house.put("d.mp3", genre=("Pop",))
    assert house.find("metal", 1) == [said]
    assert house.find("calm", 1) == [mood]
    assert house.find("rain", 3) == [summary]
    assert house.find("rock", 1) == [said], "death metal is rock"
    assert house.find("rock -metal", 33)[-1] == said


def test_a_year_says_more_than_the_sound(house: House) -> None:
    house.crowd()
    heard = house.put("a.mp3", sounds={"80s": 9})
    wrong = house.put("b.mp3", sounds={"80s": 9}, year=2008)
    right = house.put("c.mp3", year=1985)
    found = house.find("80s", 3)
    assert set(found[:2]) == {heard, right}
    assert wrong not in found
    assert house.find("1980s", 1)[0] in (heard, right)
    assert house.find("2000s music", 1) == [wrong]
    assert house.find("2010s") == []


def test_names(house: House) -> None:
    house.crowd()
    (unheard,) = house.add("Nina Simone/Feeling Good.mp3")
    sinner = house.put("x.mp3", "Sinnerman", "Nina Simone", album="Pastel Blues")
    sad = house.put("y.mp3", "Sad But True", "Metallica")
    assert house.find("nina simone") == [sinner, unheard], "in the artist before in the folder"
    assert house.find("NINÄ sinnerman", 1) == [sinner]
    assert house.find("sinner") == [sinner], "half a word, where none has it whole"
    assert house.find("sad but true", 1) == [sad], "a title made of things and fillers"
    assert house.find('"simone nina"') == []
    assert house.find("nobody") == []


def test_a_band_with_a_no(house: House) -> None:
    house.crowd(10)
    band = house.put("a.mp3", "Just a Girl", "No Doubt")
    other = house.put("b.mp3", "Doubt", "Corinne Bailey Rae")
    assert house.find("no doubt") == [band]
    assert house.ask("no doubt").understood.text == ("no doubt",)
    assert house.find("-doubt", 50)[-2:] == [band, other]


def test_conditions(house: House) -> None:
    crowd = house.crowd(10)
    a = house.put("a.mp3", artist="Björk", genre=("Hip-Hop",), year=1993, bpm="120", key="Gbm")
    b = house.put("b.mp3", artist="Bach", album="Kunst", genre=("Baroque",), year=1999, key="C")
    heard = house.put("c.mp3", sounds={"hip-hop": 12})
    other = house.put("d.mp3", sounds={"hip-hop": 12}, genre=("Rock",), mood=("Dark",))
    assert house.find("genre:hiphop") == [a, heard], "heard only where the file says nothing"
    assert house.find("genre:classical") == [b]
    assert house.find("mood:dark") == [other]
    assert house.find("year:90s -artist:bach") == [a]
    assert house.find("key:F#m") == [a]
    assert house.find("bpm:115-125") == [a]
    assert house.find("bpm:121-125") == []
    assert house.find("album:kunst year:1999") == [b]
    assert set(house.find("-genre:hiphop", 50)) == {*crowd, b, other}
    found = house.ask("genre:hiphop year:1993 piano")
    assert [hit.track.id for hit in found.hits] in ([a], []), "conditions filter; words rank"
    assert found.understood.operators == ("genre:hiphop", "year:1993")


def test_like_and_unlike(house: House) -> None:
    rng = np.random.default_rng(2)
    crowd = [house.put(f"{n}.mp3", vector=tuple(rng.normal(size=4))) for n in range(40)]
    seed = house.put("seed.mp3", vector=(9, 0, 0, 0))
    loud = house.put("loud.mp3", vector=(8, 1, 0, 0), sounds={"loud": 9})
    soft = house.put("soft.mp3", vector=(7, 0, 1, 0), sounds={"quiet": 9, "acoustic": 9})
    found = house.ask("acoustic", 3, like=[seed])
    assert found.hits[0].track.id == soft
    assert "acoustic" in found.hits[0].labels
    assert found.hits[0].encoders == ("ear",)
    assert set(house.find("", 2, like=[seed])) == {loud, soft}
    assert house.find("", 1, like=[seed, loud]) == [soft]
    assert not {seed, loud, soft} & set(house.find("", 10, like=[crowd[0]], unlike=[seed, soft]))


def test_like_in_a_library_of_three(house: House) -> None:
    seed = house.put("seed.mp3", vector=(1, 0, 0, 0))
    far = house.put("far.mp3", vector=(-1, 0.5, 0, 0))
    near = house.put("near.mp3", vector=(1, 0.1, 0, 0))
    assert house.find("", like=[seed]) == [near, far]


def test_what_nobody_has_heard_is_no_answer_to_sound(house: House) -> None:
    crowd = house.crowd(12)
    (unheard,) = house.add("unheard.mp3")
    house.read(unheard, year=1990, genre=("Rock",))
    for one in crowd[1:]:
        house.read(one, "Noel" if one == crowd[3] else "", year=1990)
    assert house.find("year:1990", 1) == [crowd[1]]
    assert unheard in house.find("year:1990", 20)
    assert sorted(house.find("year:1990", 20, unlike=[crowd[0]])) == crowd[1:]
    assert sorted(house.find("", 20, unlike=[crowd[0]])) == crowd[1:]
    named = house.find("year:1990 -noel", 20, unlike=[crowd[0]])
    assert 0 < named.index(unheard) < len(named) - 1, "neither good nor bad"
    tagged = house.put("tagged.mp3", genre=("Rock",), year=1990, vector=(9, 0, 0, 0))
    seed = house.put("seed.mp3", vector=(9, 1, 0, 0))
    assert house.find("rock year:1990", 1, like=[seed]) == [tagged]


def test_where_only_the_track_itself_was_heard_nothing_is_like_it(house: House) -> None:
    seed = house.put("seed.mp3", vector=(1, 0, 0, 0))
    house.add("a.mp3", "b.mp3")
    house.put("heard by others.mp3")
    house.writer.run(lambda conn: conn.execute("DELETE FROM vectors WHERE track_id != ?", (seed,)))
    assert house.find("", like=[seed]) == []
    assert house.find("", unlike=[seed]) == []


def test_many_may_be_asked_for_and_many_fulfil_a_condition(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_search, "_CANDIDATES", 4)
    monkeypatch.setattr(text_search, "_CANDIDATES_LEFT", 20)
    monkeypatch.setattr(text_search, "_JUDGED_WHOLE", 30)
    crowd = house.crowd(60)
    for one in crowd:
        house.read(one, "Noel" if one == crowd[-1] else "", year=1990)
    seed = crowd[0]
    assert len(house.find("", 50, like=[seed])) == 50
    assert house.find("year:1990", 1, like=[seed]) == house.find("", 1, like=[seed])
    assert len(house.find("year:1990", 50, unlike=[seed])) > 20, "some of them are judged"
    assert house.find("year:1990 noel", 1, unlike=[seed]) == [crowd[-1]]


def test_every_track_that_fulfils_the_conditions_is_judged(tmp_path: Path) -> None:
    def reading(_: str) -> dict[str, FloatArray]:
        return {"ear": np.array([1, 0.1, 0, 0], np.float32)}

    chance = np.random.default_rng(0)
    with House(tmp_path / "data", reading) as house:

        def put(number: int, genre: str, *vector: float) -> int:
            noisy = tuple(chance.normal(vector, 0.05))
            return house.put(f"{genre} {number}.mp3", genre=(genre,), vector=noisy)

        seed = house.put("seed.mp3", vector=(1, 0.1, 0, 0))
        for n in range(520):
            put(n, "Techno", 1, 0.1, 0, 0)
        for n in range(520):
            put(n, "Classical", -1, 0.1, 0, 0)
        nearest = put(520, "Classical", 0.6, 0.8, 0, 0)
        assert house.find("genre:classical", 1, like=[seed]) == [nearest]
        assert house.find("xylophonic genre:classical", 1) == [nearest]
        assert len(house.find("genre:classical", 1000, like=[seed])) == 521
        assert house.find("", 1, unlike=[seed])[0] > 520, "far from what is not wanted"


def test_what_one_encoder_has_not_heard_the_others_judge(tmp_path: Path) -> None:
    wanted = np.array([1, 0, 0, 0], np.float32)
    chance = np.random.default_rng(0)
    with House(tmp_path / "data") as house:
        late = VectorIndex(house.db, tmp_path / "late", "late", "1")
        ears = Ears(house.reader, {ENCODER: house.index(), "late": late})
        search = make(house.db, house.reader, VOCABULARY, TABLE, ears, lambda _: {
            ENCODER: wanted, "late": wanted,
        })  # fmt: skip

        def hear_late(track_id: int, vector: FloatArray) -> None:
            heard = [Embedding("late", "1", vector)]
            house.writer.run(lambda conn: writes.store_analysis(conn, track_id, heard))

        for n in range(40):
            vector = chance.normal(size=4).astype(np.float32)
            hear_late(house.put(f"{n}.mp3", vector=tuple(vector)), vector)
        half = np.array([1, 0.7, 0, 0], np.float32)
        hear_late(house.put("half.mp3", vector=tuple(half)), half)
        right = house.put("right.mp3", vector=(1, 0.1, 0, 0))
        (unheard,) = house.add("unheard.mp3")
        hits = search.search("xylophonic", 50).hits
        assert (hits[0].track.id, hits[0].encoders) == (right, (ENCODER,))
        assert unheard not in {hit.track.id for hit in hits}


def test_a_track_to_compare_with_must_have_been_heard(house: House) -> None:
    house.crowd(10)
    (new,) = house.add("new.mp3")
    with pytest.raises(UserError, match="not listened to"):
        house.ask("", like=[new])


def test_nothing_asked_for(house: House) -> None:
    with pytest.raises(UserError, match="Say what"):
        house.ask("  ")


@pytest.mark.parametrize(
    "odd", ["\udce9\0", "'; DROP TABLE tracks; --", '* OR "', "NEAR(a b)", "😀"]
)
def test_any_text_is_safe(house: House, odd: str) -> None:
    house.crowd(3)
    for text in (f"x{odd}", f'"x{odd}"', f"no x{odd}", f"artist:x{odd}", f"genre:x{odd} -x{odd}"):
        house.find(text)
    assert house.reader.counts().tracks == 3


def test_an_empty_library(house: House) -> None:
    assert house.ask('calm "piano" genre:rock -drums 80s').hits == ()


def test_encoders_that_read(tmp_path: Path) -> None:
    asked = []

    def reading(text: str) -> dict[str, FloatArray]:
        asked.append(text)
        return {"ear": np.array([1, 0, 0, 0], np.float32)}

    with House(tmp_path / "data", reading) as house:
        crowd = house.crowd(30)
        meant = house.put("rain.mp3", vector=(9, 1, 0, 0))
        found = house.ask("rain on a tin roof, no drums")
        assert asked == ["rain tin roof"]
        assert (found.hits[0].track.id, found.hits[0].encoders) == (meant, ("ear",))
        assert found.understood.encoders == ("ear",)
        assert not {"rain", "tin", "roof"} & set(found.understood.ignored), "the encoder read them"
        assert meant not in house.find("roof -artist:nobody", 3, like=[crowd[0]], unlike=[meant])
        house.find("genre:rock")
        assert len(asked) == 2, "a condition is nothing to read"


def test_what_summaries_mean(tmp_path: Path) -> None:
    def place(text: str) -> FloatArray:
        vector = np.full(384, 0.01, np.float32)
        vector[0] = "gloomily" in text or "black" in text.lower()
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def embed(_encoder: str, texts: Sequence[str]) -> FloatArray:
        return np.stack([place(text) for text in texts])

    with House(tmp_path / "data", lambda text: {"minilm": place(text)}, embed) as house:
        crowd = house.crowd(30)
        assert house.ask("gloomily").understood.ignored == ("gloomily",), "there are no summaries"
        other = house.put("other.mp3", summary="A fine day.")
        black = house.put("black.mp3", summary="Black as the night.", sounds={"piano": 8})
        (unheard,) = house.add("unheard.mp3")
        house.read(unheard, summary="The black forest.")
        found = house.ask("gloomily")
        assert {hit.track.id for hit in found.hits} == {black, unheard}
        assert {hit.encoders for hit in found.hits} == {("minilm",)}
        assert (found.understood.encoders, found.understood.ignored) == (("minilm",), ())
        assert house.find("gloomily piano", 1) == [black]
        silent = house.put("silent.mp3", sounds={"piano": 8})
        unlike = house.put("unlike.mp3", summary="A fine day.", sounds={"piano": 8})
        ears = {hit.track.id: hit.encoders for hit in house.ask("gloomily piano", 4).hits}
        assert [one for one in ears if one != unheard] == [black, silent, unlike]
        assert (ears[black], ears[silent], ears[unlike]) == (("minilm",), (), ())
        assert unheard in house.find("gloomily -artist:x", 20, like=[crowd[0]], unlike=[black])
        assert other not in house.find("gloomily genre:rock")


def test_how_a_query_was_understood(house: House) -> None:
    house.crowd()
    house.put("a.mp3", "Moon River")
    understood = house.ask("some sad moon music no drums year:1990 zzz").understood
    assert understood.meanings == (
        Meaning("sad", ("sad",), against=False, found=understood.meanings[0].found),
        Meaning("drums", ("drums",), against=True, found=understood.meanings[1].found),
    )
    assert understood.text == ("moon",)
    assert understood.operators == ("year:1990",)
    assert understood.ignored == ("some", "music", "zzz")


def test_beside_a_writer(house: House) -> None:
    house.crowd()
    assert house.find("piano") is not None
    late = house.put("late.mp3", sounds={"piano": 12})
    assert house.find("piano", 1) == [late]
    house.remove(late)
    assert late not in house.find("piano")
