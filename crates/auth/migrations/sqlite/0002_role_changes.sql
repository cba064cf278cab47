-- One row that every change of roles writes first, so that such changes happen one after another.
CREATE TABLE role_changes (
    id      TEXT    NOT NULL PRIMARY KEY,
    changes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The same indexes with the conditions that the statements have on every database.
DROP INDEX users_with_role_user;
DROP INDEX users_with_role_operator;
DROP INDEX users_with_role_auditor;
DROP INDEX users_with_role_admin;
CREATE INDEX users_with_role_user     ON users (id) WHERE (roles & 1) = 1;
CREATE INDEX users_with_role_operator ON users (id) WHERE (roles & 2) = 2;
CREATE INDEX users_with_role_auditor  ON users (id) WHERE (roles & 4) = 4;
CREATE INDEX users_with_role_admin    ON users (id) WHERE (roles & 8) = 8;
