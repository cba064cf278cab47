-- The totals of 32 days in a row, counted in such sheets since 1970: as bytes, for which there is code. They take the place
-- of activity_days, which is taken over and dropped when the file is opened.
CREATE TABLE activity_sheets (
    user_id TEXT    NOT NULL,
    type    TEXT    NOT NULL,
    sheet   INTEGER NOT NULL,
    days    BLOB    NOT NULL,
    PRIMARY KEY (user_id, type, sheet)
) STRICT, WITHOUT ROWID;
