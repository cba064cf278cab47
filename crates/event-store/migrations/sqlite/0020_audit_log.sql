-- What staff, servers and the command line changed, each entry with the hash of the one before. Nothing here is ever changed.
CREATE TABLE audit_log (
    sequence      INTEGER NOT NULL PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    -- The time in six bytes, then the sequence in six: the order of lists.
    place         TEXT    NOT NULL UNIQUE,
    at            INTEGER NOT NULL,
    actor_kind    TEXT    NOT NULL,
    actor_id      TEXT,
    action        TEXT    NOT NULL,
    object_kind   TEXT    NOT NULL,
    object_id     TEXT    NOT NULL,
    -- JSON in the canonical form of RFC 8785.
    value_before  TEXT,
    value_after   TEXT,
    request_id    TEXT,
    previous_hash TEXT    NOT NULL,
    hash          TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_log_by_actor  ON audit_log (actor_id, place);
CREATE INDEX audit_log_by_object ON audit_log (object_id, place);
CREATE INDEX audit_log_by_action ON audit_log (action, place);

-- One row that every change with an entry writes first, so that such changes happen one after another.
CREATE TABLE audit_turns (
    id      TEXT    NOT NULL PRIMARY KEY,
    entries INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
