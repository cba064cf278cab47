-- Which rewards an event has at its present revision, as JSON: [{"attachment", "reward", "hasStock"}].
ALTER TABLE events ADD COLUMN rewards TEXT NOT NULL DEFAULT '[]';

UPDATE events SET rewards = (
    SELECT json_group_array(json_object('attachment', id, 'reward', reward_id, 'hasStock', json('false')))
    FROM (SELECT id, reward_id FROM event_rewards WHERE event_id = events.id ORDER BY id)
) WHERE id IN (SELECT event_id FROM event_rewards);

-- What an event said at a revision besides its condition, as JSON. Null where only the condition was kept.
ALTER TABLE event_revisions ADD COLUMN details TEXT;

UPDATE event_revisions SET details = (
    SELECT json_object(
        'name', name,
        'description', description,
        'periodStart', strftime('%Y-%m-%dT%H:%M:%S', period_start / 1000, 'unixepoch') || printf('.%03dZ', period_start % 1000),
        'periodEnd', strftime('%Y-%m-%dT%H:%M:%S', period_end / 1000, 'unixepoch') || printf('.%03dZ', period_end % 1000),
        'timezone', timezone,
        'status', status,
        'approval', approval,
        'rewards', json(rewards),
        'changedBy', created_by,
        'changedAt', strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000, 'unixepoch') || printf('.%03dZ', updated_at % 1000)
    )
    FROM events WHERE events.id = event_id AND events.revision = event_revisions.revision
);

-- The name folded, for searching. Filled in by the program, which knows Unicode.
ALTER TABLE rewards ADD COLUMN name_folded TEXT NOT NULL DEFAULT '';

CREATE INDEX rewards_by_type ON rewards (type, id);
