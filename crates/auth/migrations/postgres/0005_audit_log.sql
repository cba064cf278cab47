-- What staff, servers and the command line changed, each entry with the hash of the one before. Nothing here is ever changed.
CREATE TABLE audit_log (
    sequence      BIGINT NOT NULL PRIMARY KEY,
    id            TEXT   COLLATE "C" NOT NULL UNIQUE,
    -- The time in six bytes, then the sequence in six: the order of lists.
    place         TEXT   COLLATE "C" NOT NULL UNIQUE,
    at            BIGINT NOT NULL,
    actor_kind    TEXT   NOT NULL,
    actor_id      TEXT   COLLATE "C",
    action        TEXT   COLLATE "C" NOT NULL,
    object_kind   TEXT   NOT NULL,
    object_id     TEXT   COLLATE "C" NOT NULL,
    -- JSON in the canonical form of RFC 8785.
    value_before  TEXT,
    value_after   TEXT,
    request_id    TEXT,
    previous_hash TEXT   NOT NULL,
    hash          TEXT   NOT NULL
);

CREATE INDEX audit_log_by_actor  ON audit_log (actor_id, place);
CREATE INDEX audit_log_by_object ON audit_log (object_id, place);
CREATE INDEX audit_log_by_action ON audit_log (action, place);

-- One row that every change with an entry writes first: it is locked until the commit, so that such changes happen one after
-- another, whichever replica makes them.
CREATE TABLE audit_turns (
    id      TEXT   NOT NULL PRIMARY KEY,
    entries BIGINT NOT NULL
);
