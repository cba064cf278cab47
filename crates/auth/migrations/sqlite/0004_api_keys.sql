CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    -- SHA-256 of the key in hex; the key itself is stored nowhere.
    hash         TEXT    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    -- Their names with a blank between them.
    scopes       TEXT    NOT NULL,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    -- A whole minute.
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
