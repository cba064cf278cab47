-- What users did, each once by its reporter's id. Values are in ten-thousandths.
CREATE TABLE activities (
    id          TEXT    NOT NULL PRIMARY KEY,
    user_id     TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    -- Where it stands among all, in the form of an id: the second it was done in, then a hash of its own id.
    place       TEXT    NOT NULL,
    value       INTEGER,
    properties  TEXT,
    recorded_at INTEGER NOT NULL
) STRICT;

-- One for each way to list. The longest is also by which the ends of a period are counted.
CREATE INDEX activities_by_user_type ON activities (user_id, type, place);
CREATE INDEX activities_by_user      ON activities (user_id, place);
CREATE INDEX activities_by_type      ON activities (type, place);
CREATE INDEX activities_by_place     ON activities (place);

-- Totals by days since 1970 in UTC. A sum is whole + fraction / 10000, so that neither part can overflow; the quarters of
-- an hour in which there was activity are bits, 48 in each column.
CREATE TABLE activity_days (
    user_id         TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    day             INTEGER NOT NULL,
    count           INTEGER NOT NULL,
    whole           INTEGER NOT NULL,
    fraction        INTEGER NOT NULL,
    max             INTEGER,
    early_quarters  INTEGER NOT NULL,
    late_quarters   INTEGER NOT NULL,
    PRIMARY KEY (user_id, type, day)
) STRICT, WITHOUT ROWID;

-- The same by quarters of an hour since 1970, for the days that a period does not cover whole.
CREATE TABLE activity_quarters (
    user_id  TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    quarter  INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    whole    INTEGER NOT NULL,
    fraction INTEGER NOT NULL,
    max      INTEGER,
    PRIMARY KEY (user_id, type, quarter)
) STRICT, WITHOUT ROWID;

-- What was ever seen, for those who write conditions and try them out.
CREATE TABLE activity_types  (name    TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE activity_users  (user_id TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE attribute_names (name    TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;

-- What the game says about users: a JSON object each.
CREATE TABLE user_attributes (
    user_id    TEXT    NOT NULL PRIMARY KEY,
    attributes TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
