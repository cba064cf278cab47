-- Times are milliseconds since 1970, ids 24 hex digits. Ids ascend with time, so an id's order is that of creation.
CREATE TABLE events (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    -- The name in lower case, for searching: SQLite's lower() knows ASCII only.
    name_folded  TEXT    NOT NULL,
    description  TEXT,
    condition    TEXT    NOT NULL,
    period_start INTEGER NOT NULL,
    period_end   INTEGER CHECK (period_end > period_start),
    timezone     TEXT    NOT NULL,
    status       TEXT    NOT NULL CHECK (status IN ('ACTIVE', 'INACTIVE')),
    approval     TEXT    NOT NULL CHECK (approval IN ('MANUAL', 'AUTO')),
    revision     INTEGER NOT NULL CHECK (revision > 0),
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX events_by_status ON events (status, id);

CREATE TABLE rewards (
    id         TEXT    NOT NULL PRIMARY KEY,
    type       TEXT    NOT NULL CHECK (type IN ('POINT', 'ITEM', 'COUPON', 'BADGE')),
    name       TEXT    NOT NULL,
    -- What it gives, as JSON: the fields depend on the type.
    gives      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE event_rewards (
    id         TEXT    NOT NULL PRIMARY KEY,
    event_id   TEXT    NOT NULL REFERENCES events (id),
    reward_id  TEXT    NOT NULL REFERENCES rewards (id),
    created_at INTEGER NOT NULL,
    UNIQUE (event_id, reward_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_rewards_by_event ON event_rewards (event_id, id);

CREATE TABLE reward_requests (
    id              TEXT    NOT NULL PRIMARY KEY,
    event_id        TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED', 'REVOKED')),
    event_revision  INTEGER NOT NULL,
    -- The header Idempotency-Key of the attempt that was stored.
    idempotency_key TEXT,
    -- What it was decided on, as JSON.
    condition       TEXT    NOT NULL,
    facts           TEXT    NOT NULL,
    evaluation      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    UNIQUE (user_id, event_id)
) STRICT;

-- One for each way to list, so that a page costs the same wherever it lies and however rare its items are.
CREATE INDEX reward_requests_by_user         ON reward_requests (user_id, id);
CREATE INDEX reward_requests_by_event        ON reward_requests (event_id, id);
CREATE INDEX reward_requests_by_event_status ON reward_requests (event_id, status, id);
CREATE INDEX reward_requests_by_status       ON reward_requests (status, id);
