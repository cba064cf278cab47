-- How many there are of a limited reward of an event, and how many are left. The id is that of its being attached.
CREATE TABLE stock_counters (
    id        TEXT    NOT NULL PRIMARY KEY,
    total     INTEGER NOT NULL,
    remaining INTEGER NOT NULL CHECK (remaining >= 0)
) STRICT, WITHOUT ROWID;

-- Who holds a seat.
CREATE INDEX reward_requests_with_seats ON reward_requests (event_id, seats) WHERE seats IS NOT NULL;
