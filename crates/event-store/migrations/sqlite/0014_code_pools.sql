-- The codes of pools of coupons, each given to one claim at most. Which claim, once it is: never free again.
CREATE TABLE coupon_codes (
    id        TEXT NOT NULL PRIMARY KEY,
    reward_id TEXT NOT NULL,
    code      TEXT NOT NULL,
    claim_id  TEXT,
    user_id   TEXT,
    UNIQUE (reward_id, code)
) STRICT, WITHOUT ROWID;

-- A claim has one code of a pool.
CREATE UNIQUE INDEX coupon_codes_taken ON coupon_codes (reward_id, claim_id) WHERE claim_id IS NOT NULL;

-- The next one to be given out.
CREATE INDEX coupon_codes_free ON coupon_codes (reward_id, id) WHERE claim_id IS NULL;
