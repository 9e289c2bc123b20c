"""The database's schema, as an ordered, append-only list of migrations.

Migration N turns schema N-1 into schema N (`PRAGMA user_version`). Each runs in one transaction;
an existing database is copied beside itself first. A released migration is never edited: the
databases people have were made by it, and one of each is kept under tests/data/store.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from msa_desktop.base.errors import UserError
from msa_desktop.base.music import bpm_of, camelot_place, key_named

if TYPE_CHECKING:
    import sqlite_utils

APPLICATION_ID = 0x6D736164  # "msad": tells this program's databases from any other

_SCHEMA_1 = (
    """
    CREATE TABLE roots (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,          -- bytes of the path (os.fsencode), here and below
        online INTEGER NOT NULL DEFAULT 1 CHECK (online IN (0, 1))
    ) STRICT
    """,
    """
    CREATE TABLE folders (                  -- those that directly hold tracks
        id INTEGER PRIMARY KEY,
        root_id INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
        path BLOB NOT NULL UNIQUE,
        sort_key TEXT NOT NULL,
        words TEXT NOT NULL                 -- folded words of the path from the root's name on
    ) STRICT
    """,
    "CREATE INDEX folders_by_root ON folders (root_id)",
    "CREATE INDEX folders_by_key ON folders (sort_key)",
    # AUTOINCREMENT: an id is never given twice, so nothing outside the database (the vector
    # index, a window that is a moment behind) can take one track for another.
    """
    CREATE TABLE tracks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        folder_id INTEGER NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
        name BLOB NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        added_at REAL NOT NULL,             -- seconds since the epoch
        state INTEGER NOT NULL DEFAULT 0
            CHECK (state BETWEEN 0 AND 3),  -- 0 new, 1 queued, 2 analysed, 3 failed
        reason TEXT NOT NULL DEFAULT '',
        sound_id BLOB,
        title TEXT NOT NULL DEFAULT '',
        artist TEXT NOT NULL DEFAULT '',
        album TEXT NOT NULL DEFAULT '',
        album_artist TEXT NOT NULL DEFAULT '',
        genre TEXT NOT NULL DEFAULT '',     -- several are joined by U+001F
        year INTEGER,
        track_number INTEGER,
        codec TEXT,                         -- NULL until the file was read; then the next four too
        duration REAL,
        sample_rate INTEGER,
        channels INTEGER,
        bit_rate INTEGER,
        name_key TEXT NOT NULL,             -- the keys: see store/text.py; NULL where blank
        title_key TEXT,
        artist_key TEXT,
        album_key TEXT,
        genre_key TEXT,
        UNIQUE (folder_id, name)
    ) STRICT
    """,
    # One covering index a sort key (query.py): the ids of 100,000 tracks come in order from the
    # index alone.
    "CREATE INDEX tracks_by_title ON tracks (title_key, artist_key)",
    "CREATE INDEX tracks_by_artist ON tracks (artist_key, album_key, track_number, title_key)",
    "CREATE INDEX tracks_by_album ON tracks (album_key, folder_id, track_number, title_key)",
    "CREATE INDEX tracks_by_genre ON tracks (genre_key, artist_key, album_key, track_number)",
    "CREATE INDEX tracks_by_year ON tracks (year, artist_key, album_key, track_number)",
    "CREATE INDEX tracks_by_duration ON tracks (duration)",
    "CREATE INDEX tracks_by_added ON tracks (added_at)",
    "CREATE INDEX tracks_by_state ON tracks (state, artist_key)",
    "CREATE INDEX tracks_by_folder ON tracks (folder_id, name_key)",
    "CREATE INDEX tracks_by_sound ON tracks (sound_id) WHERE sound_id IS NOT NULL",
    # The words are folded before they come here (store/text.py), so the plain tokenizer does and
    # agrees with what is typed whatever Unicode version this SQLite knows. Prefix lists answer
    # the first letters typed; detail=none keeps them small: no phrases are ever asked for.
    """
    CREATE VIRTUAL TABLE track_words USING fts5 (
        words, tokenize = 'ascii', prefix = '1 2 3', detail = none, columnsize = 0
    )
    """,
    """
    CREATE TRIGGER track_deleted AFTER DELETE ON tracks BEGIN
        DELETE FROM track_words WHERE rowid = old.id;
        DELETE FROM folders WHERE id = old.folder_id
            AND NOT EXISTS (SELECT 1 FROM tracks WHERE folder_id = old.folder_id);
    END
    """,
    """
    CREATE TRIGGER track_moved AFTER UPDATE OF folder_id ON tracks
    WHEN old.folder_id <> new.folder_id BEGIN
        DELETE FROM folders WHERE id = old.folder_id
            AND NOT EXISTS (SELECT 1 FROM tracks WHERE folder_id = old.folder_id);
    END
    """,
    # `generation` of the counter rises with every vector written or deleted; a row carries the
    # generation that wrote it. So an index knows what it has missed (store/vectors.py).
    """
    CREATE TABLE vectors (
        id INTEGER PRIMARY KEY,
        track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
        encoder TEXT NOT NULL,
        version TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        vector BLOB NOT NULL,               -- float32, little-endian, as the encoder gave it
        generation INTEGER NOT NULL,
        UNIQUE (track_id, encoder),
        CHECK (length(vector) = 4 * dimension)
    ) STRICT
    """,
    "CREATE INDEX vectors_by_generation ON vectors (encoder, version, generation, track_id)",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO counters VALUES ('vectors', 0)",
    # The last 10,000 vectors deleted, for an index to catch up with.
    """
    CREATE TABLE vector_removals (
        id INTEGER PRIMARY KEY,
        track_id INTEGER NOT NULL,
        encoder TEXT NOT NULL,
        generation INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX vector_removals_by_generation ON vector_removals (encoder, generation)",
    """
    CREATE TRIGGER vector_deleted AFTER DELETE ON vectors BEGIN
        UPDATE counters SET value = value + 1 WHERE name = 'vectors';
        INSERT INTO vector_removals (track_id, encoder, generation)
            SELECT old.track_id, old.encoder, value FROM counters WHERE name = 'vectors';
        DELETE FROM vector_removals WHERE id <= last_insert_rowid() - 10000;
    END
    """,
    """
    CREATE TABLE labels (
        track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
        source TEXT NOT NULL,
        scores BLOB NOT NULL,               -- float16, little-endian, in the source's own order
        PRIMARY KEY (track_id, source)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE peaks (
        track_id INTEGER PRIMARY KEY REFERENCES tracks (id) ON DELETE CASCADE,
        data BLOB NOT NULL
    ) STRICT
    """,
)


def _schema_1(db: sqlite_utils.Database) -> None:
    for statement in _SCHEMA_1:
        db.execute(statement)


_SCHEMA_2 = (
    # Several moods or groupings are joined by U+001F, as genres are.
    "ALTER TABLE tracks ADD COLUMN mood TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE tracks ADD COLUMN bpm TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE tracks ADD COLUMN musical_key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE tracks ADD COLUMN grouping TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE tracks ADD COLUMN summary TEXT NOT NULL DEFAULT ''",
    # 0 where an older program read the tags, which did not know these: they are read once more.
    "ALTER TABLE tracks ADD COLUMN tags_complete INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE proposals (
        track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
        field TEXT NOT NULL,
        current TEXT NOT NULL,              -- JSON: the values the file had
        proposed TEXT NOT NULL,             -- JSON: the values it shall have
        suggestions TEXT NOT NULL,          -- JSON: base.proposals.Suggestion, the evidence
        tagger TEXT NOT NULL,
        confidence REAL NOT NULL,
        accepted INTEGER NOT NULL DEFAULT 0 CHECK (accepted IN (0, 1)),
        edited INTEGER NOT NULL DEFAULT 0 CHECK (edited IN (0, 1)),
        PRIMARY KEY (track_id, field)
    ) STRICT
    """,
    # A row holds kilobytes of evidence: what counts, orders or picks rows reads this instead.
    "CREATE INDEX proposals_by_decision ON proposals (accepted, track_id, field, confidence)",
    # Tells this library from one made again, whose tracks get the same ids (store/journal.py).
    "INSERT INTO counters VALUES ('library', random() & 0x7fffffffffffffff)",
    # What a program wrote into a file after a reading of it had begun is newer than that.
    "ALTER TABLE tracks ADD COLUMN retagged_at REAL NOT NULL DEFAULT 0",
    # What the program put into a file: no evidence for other tracks.
    """
    CREATE TABLE own_words (
        track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
        field TEXT NOT NULL,
        said TEXT NOT NULL,                 -- JSON: the values the file had then
        PRIMARY KEY (track_id, field)
    ) STRICT
    """,
    # What a person rejected for a track (base.text.spelling); "*" for every value of a field.
    """
    CREATE TABLE rejected_words (
        track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
        field TEXT NOT NULL,
        word TEXT NOT NULL,
        PRIMARY KEY (track_id, field, word)
    ) STRICT, WITHOUT ROWID
    """,
)


def _schema_2(db: sqlite_utils.Database) -> None:
    for statement in _SCHEMA_2:
        db.execute(statement)


_SAYS = "genre || mood || grouping || summary <> ''"
_SAID = """
    INSERT INTO said_words (rowid, genre, mood, grouping, summary)
        SELECT id, indexed_words(genre), indexed_words(mood), indexed_words(grouping),
            indexed_words(summary)
        FROM tracks WHERE {}
"""
_SCHEMA_3 = (
    # What a file says of its music, apart from its names: a search weighs them differently.
    # `indexed_words` is given to every connection that may write (store/db.py), so that the words
    # are folded as everywhere. detail=column: a word is found in one column, no phrases are.
    """
    CREATE VIRTUAL TABLE said_words USING fts5 (
        genre, mood, grouping, summary, tokenize = 'ascii', detail = column, columnsize = 0
    )
    """,
    _SAID.format(_SAYS),
    f"""
    CREATE TRIGGER words_added AFTER INSERT ON tracks BEGIN
        {_SAID.format(f"id = new.id AND {_SAYS}")};
    END
    """,
    f"""
    CREATE TRIGGER words_changed AFTER UPDATE OF genre, mood, grouping, summary ON tracks
    WHEN old.genre <> new.genre OR old.mood <> new.mood
        OR old.grouping <> new.grouping OR old.summary <> new.summary BEGIN
        DELETE FROM said_words WHERE rowid = old.id;
        {_SAID.format(f"id = new.id AND {_SAYS}")};
    END
    """,  # noqa: S608 - our own words
    """
    CREATE TRIGGER words_deleted AFTER DELETE ON tracks BEGIN
        DELETE FROM said_words WHERE rowid = old.id;
    END
    """,
    "CREATE INDEX tracks_by_bpm ON tracks (CAST(bpm AS REAL)) WHERE bpm <> ''",
    "CREATE INDEX tracks_by_key ON tracks (musical_key) WHERE musical_key <> ''",
)


def _schema_3(db: sqlite_utils.Database) -> None:
    for statement in _SCHEMA_3:
        db.execute(statement)


_SCHEMA_4 = (
    # One row a track that was measured, also where there was nothing to be told: it is not
    # measured again until the measuring itself (`version`) is another.
    """
    CREATE TABLE measures (
        track_id INTEGER PRIMARY KEY REFERENCES tracks (id) ON DELETE CASCADE,
        version INTEGER NOT NULL,
        tempo REAL,                         -- beats a minute; NULL: no beat
        tempo_confidence REAL,
        other_tempi TEXT NOT NULL,          -- JSON: [[tempo, confidence], ...]
        musical_key TEXT,                   -- NULL: none
        key_confidence REAL,
        loudness REAL,                      -- LUFS
        peak REAL,                          -- 1: full scale; NULL: the sound was not measured
        silence_start REAL,                 -- seconds
        silence_end REAL
    ) STRICT
    """,
    # ReplayGain, as the files say it. They are all read once more for it.
    "ALTER TABLE tracks ADD COLUMN track_gain TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE tracks ADD COLUMN track_peak TEXT NOT NULL DEFAULT ''",
    "UPDATE tracks SET tags_complete = 0",
    # What a list is sorted and filtered by: what the file says, else what was measured.
    "ALTER TABLE tracks ADD COLUMN bpm_order REAL",
    "ALTER TABLE tracks ADD COLUMN key_order INTEGER",  # base.music.camelot_place
    "DROP INDEX tracks_by_bpm",
    "DROP INDEX tracks_by_key",
    "CREATE INDEX tracks_by_bpm ON tracks (bpm_order, artist_key, album_key, track_number)",
    "CREATE INDEX tracks_by_key ON tracks (key_order, bpm_order, artist_key)",
    # What was heard in the stems of the tracks that a person had taken apart.
    """
    CREATE TABLE stems (
        track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
        stem TEXT NOT NULL,                 -- "vocals", ...; "instrumental": all but the vocals
        level REAL NOT NULL,                -- mean RMS, 1: full scale
        PRIMARY KEY (track_id, stem)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE stem_vectors (
        track_id INTEGER NOT NULL,
        stem TEXT NOT NULL,
        encoder TEXT NOT NULL,
        version TEXT NOT NULL,
        vector BLOB NOT NULL,               -- as in vectors
        PRIMARY KEY (track_id, stem, encoder),
        FOREIGN KEY (track_id, stem) REFERENCES stems (track_id, stem) ON DELETE CASCADE
    ) STRICT
    """,
    """
    CREATE TABLE stem_labels (
        track_id INTEGER NOT NULL,
        stem TEXT NOT NULL,
        source TEXT NOT NULL,
        scores BLOB NOT NULL,               -- as in labels
        PRIMARY KEY (track_id, stem, source),
        FOREIGN KEY (track_id, stem) REFERENCES stems (track_id, stem) ON DELETE CASCADE
    ) STRICT
    """,
)


def _schema_4(db: sqlite_utils.Database) -> None:
    for statement in _SCHEMA_4:
        db.execute(statement)
    tagged = db.execute("SELECT id, bpm, musical_key FROM tracks WHERE bpm || musical_key <> ''")
    for track_id, bpm, key in tagged.fetchall():
        db.execute(
            "UPDATE tracks SET bpm_order = ?, key_order = ? WHERE id = ?",
            (*tag_order(bpm, key), track_id),
        )


def tag_order(bpm: str, key: str) -> tuple[float | None, int | None]:
    """What tracks are sorted by whose files tell a tempo or a key; None where they tell none."""
    name = key_named(key)
    return bpm_of(bpm), None if name is None else camelot_place(name)


Migration = Callable[["sqlite_utils.Database"], None]
MIGRATIONS: tuple[Migration, ...] = (_schema_1, _schema_2, _schema_3, _schema_4)
NEWEST = len(MIGRATIONS)


def schema_of(
    connection: sqlite3.Connection,
    path: Path,
    newest: int = NEWEST,
    application_id: int = APPLICATION_ID,
) -> int:
    """The schema the database has; 0 for an empty file.

    Args:
        connection: To the database.
        path: Its file.
        newest: The last schema this program knows.
        application_id: What tells databases of this kind from any other.

    Raises:
        UserError: Another program's database, or one from a newer version of this program.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if owner != application_id and not (empty and version == 0):
        raise UserError(
            f"{path} is a database of some other program. Choose another data folder (--data-dir), "
            "or move that file away."
        )
    if version > newest:
        raise UserError(
            f"{path} was last opened by a newer version of this program (schema {version}; this "
            f"one knows up to {newest}). Install the newer version, or choose another data folder "
            "(--data-dir)."
        )
    return version


def migrate(
    connection: sqlite3.Connection,
    path: Path,
    migrations: tuple[Migration, ...] = MIGRATIONS,
    application_id: int = APPLICATION_ID,
) -> None:
    """Brings the database to the newest schema; copies an existing one to NAME.before-N first.

    Args:
        connection: In autocommit mode, with no transaction open.
        path: The database's file.
        migrations: The list to apply.
        application_id: As in `schema_of`.

    Raises:
        UserError: As in `schema_of`.
    """
    version = schema_of(connection, path, len(migrations), application_id)
    if version >= len(migrations):
        return
    if version > 0:
        _back_up(connection, path.with_name(f"{path.name}.before-{version + 1}"))

    # Imported only when there is something to migrate: it takes 0.15 s.
    import sqlite_utils  # noqa: PLC0415

    db = sqlite_utils.Database(connection, recursive_triggers=False)
    # Rebuilding a table must not fire its cascades; `foreign_key_check` proves the outcome.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        for number in range(version + 1, len(migrations) + 1):
            _apply(db, number, migrations[number - 1], application_id)
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _apply(
    db: sqlite_utils.Database, number: int, migration: Migration, application_id: int
) -> None:
    connection = db.conn
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again now that nobody else can write: another process may just have done it.
        if connection.execute("PRAGMA user_version").fetchone()[0] < number:
            migration(db)
            broken = connection.execute("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise sqlite3.IntegrityError(f"migration {number} broke {len(broken)} references")
            connection.execute(f"PRAGMA application_id = {application_id}")
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _back_up(connection: sqlite3.Connection, target: Path) -> None:
    """Copies the whole database, in one step as seen from outside."""
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as copy:
        connection.backup(copy)
    os.replace(unfinished, target)
