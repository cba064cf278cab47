-- Who decided a request, when and why, as JSON; the same of its revocation.
ALTER TABLE reward_requests ADD COLUMN verdict TEXT;
ALTER TABLE reward_requests ADD COLUMN revocation TEXT;
-- What a worker still has to do for it.
ALTER TABLE reward_requests ADD COLUMN work TEXT CHECK (work IN ('DECIDE', 'GRANT', 'REVERSE'));
-- The stocks in which it holds a seat: a JSON array of their counters' ids.
ALTER TABLE reward_requests ADD COLUMN seats TEXT;

CREATE INDEX reward_requests_by_work ON reward_requests (work, id) WHERE work IS NOT NULL;

-- How many requests each event has of each status, so that nobody has to count them. Triggers keep it, so that no
-- statement that writes requests can forget to.
CREATE TABLE request_counts (
    event_id TEXT    NOT NULL,
    status   TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (event_id, status)
) STRICT, WITHOUT ROWID;

INSERT INTO request_counts (event_id, status, count)
    SELECT event_id, status, count(*) FROM reward_requests GROUP BY event_id, status;

CREATE TRIGGER reward_requests_count_new AFTER INSERT ON reward_requests BEGIN
    INSERT INTO request_counts (event_id, status, count) VALUES (NEW.event_id, NEW.status, 1)
        ON CONFLICT (event_id, status) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER reward_requests_count_changed AFTER UPDATE OF event_id, status ON reward_requests
WHEN NEW.event_id <> OLD.event_id OR NEW.status <> OLD.status BEGIN
    UPDATE request_counts SET count = count - 1 WHERE event_id = OLD.event_id AND status = OLD.status;
    INSERT INTO request_counts (event_id, status, count) VALUES (NEW.event_id, NEW.status, 1)
        ON CONFLICT (event_id, status) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER reward_requests_count_gone AFTER DELETE ON reward_requests BEGIN
    UPDATE request_counts SET count = count - 1 WHERE event_id = OLD.event_id AND status = OLD.status;
END;
