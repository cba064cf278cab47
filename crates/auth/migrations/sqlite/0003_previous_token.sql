-- The hash of the token that was rotated last, so that it can be rotated to the very same successor again for a while.
ALTER TABLE user_tokens ADD COLUMN previous_token TEXT;
