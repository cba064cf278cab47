-- What reached users, and what was taken back. Entries are added and never change.
CREATE TABLE grants (
    id         TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('GRANT', 'REVERSAL')),
    request_id TEXT    NOT NULL,
    event_id   TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    reward_id  TEXT    NOT NULL,
    -- The reward as it was granted, as JSON.
    reward     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    UNIQUE (user_id, request_id, reward_id, kind)
) STRICT;

CREATE INDEX grants_by_user       ON grants (user_id, id);
CREATE INDEX grants_by_event      ON grants (event_id, id);
CREATE INDEX grants_by_user_event ON grants (user_id, event_id, id);

-- What a user's entries come to, up to one of them: so that a wallet need not be added up from the beginning.
CREATE TABLE wallets (
    user_id TEXT NOT NULL PRIMARY KEY,
    through TEXT NOT NULL,
    holding TEXT NOT NULL
) STRICT, WITHOUT ROWID;
