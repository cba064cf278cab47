-- One row that every change of roles writes first, so that such changes happen one after another.
CREATE TABLE role_changes (
    id      TEXT   NOT NULL PRIMARY KEY,
    changes BIGINT NOT NULL
);
