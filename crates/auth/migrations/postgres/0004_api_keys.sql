CREATE TABLE api_keys (
    id           TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    -- SHA-256 of the key in hex; the key itself is stored nowhere.
    hash         TEXT   COLLATE "C" NOT NULL UNIQUE,
    name         TEXT   NOT NULL,
    -- Their names with a blank between them.
    scopes       TEXT   NOT NULL,
    created_by   TEXT   COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    -- A whole minute.
    last_used_at BIGINT
);
