-- Each revision of an event's condition, once: what was decided refers to it instead of repeating it.
CREATE TABLE event_revisions (
    event_id  TEXT    NOT NULL,
    revision  INTEGER NOT NULL CHECK (revision > 0),
    condition TEXT    NOT NULL,
    PRIMARY KEY (event_id, revision)
) STRICT, WITHOUT ROWID;

INSERT INTO event_revisions (event_id, revision, condition) SELECT id, revision, condition FROM events;

-- Requests decided on a revision that is no longer the event's.
INSERT INTO event_revisions (event_id, revision, condition)
    SELECT event_id, event_revision, condition FROM reward_requests WHERE true
    ON CONFLICT DO NOTHING;

ALTER TABLE reward_requests DROP COLUMN condition;
