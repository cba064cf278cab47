-- Times are milliseconds since 1970, ids 24 hex digits. Ids ascend with time, so the key's order is that of creation.
CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    -- A bit for each role: USER 1, OPERATOR 2, AUDITOR 4, ADMIN 8.
    roles         INTEGER NOT NULL CHECK (roles BETWEEN 1 AND 15),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One for each value of the role filter, so that a rare role is listed without walking past everybody else.
CREATE INDEX users_with_role_user     ON users (id) WHERE (roles & 1) <> 0;
CREATE INDEX users_with_role_operator ON users (id) WHERE (roles & 2) <> 0;
CREATE INDEX users_with_role_auditor  ON users (id) WHERE (roles & 4) <> 0;
CREATE INDEX users_with_role_admin    ON users (id) WHERE (roles & 8) <> 0;

CREATE TABLE user_tokens (
    id            TEXT    NOT NULL PRIMARY KEY,
    user_id       TEXT    NOT NULL UNIQUE,
    -- SHA-256 of the token in hex; the token itself is stored nowhere.
    refresh_token TEXT    NOT NULL,
    family        TEXT    NOT NULL,
    expires_at    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
