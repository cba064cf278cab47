-- Times are milliseconds since 1970, ids 24 hex digits. Ids ascend with time, so the key's order is that of creation:
-- with "C" in bytes, whatever the database's own collation makes of digits and letters.
CREATE TABLE users (
    id            TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    email         TEXT   COLLATE "C" NOT NULL UNIQUE,
    password_hash TEXT   NOT NULL,
    -- A bit for each role: USER 1, OPERATOR 2, AUDITOR 4, ADMIN 8.
    roles         BIGINT NOT NULL CHECK (roles BETWEEN 1 AND 15),
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

-- One for each value of the role filter, so that a rare role is listed without walking past everybody else.
CREATE INDEX users_with_role_user     ON users (id) WHERE (roles & 1) = 1;
CREATE INDEX users_with_role_operator ON users (id) WHERE (roles & 2) = 2;
CREATE INDEX users_with_role_auditor  ON users (id) WHERE (roles & 4) = 4;
CREATE INDEX users_with_role_admin    ON users (id) WHERE (roles & 8) = 8;

CREATE TABLE user_tokens (
    id            TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    user_id       TEXT   COLLATE "C" NOT NULL UNIQUE,
    -- SHA-256 of the token in hex; the token itself is stored nowhere.
    refresh_token TEXT   NOT NULL,
    family        TEXT   NOT NULL,
    expires_at    BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
