-- Takes one from a bucket (GCRA). KEYS[1] holds when the bucket is full again, in microseconds since 1970.
-- ARGV: the time in which one comes back, and the time in which an empty bucket fills, in microseconds.
-- Answers 0, or the microseconds until there is one to take; a refusal takes nothing.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, per = tonumber(ARGV[1]), tonumber(ARGV[2])
-- No bucket is emptier than empty, whatever another server's clock said.
local full = math.min(math.max(tonumber(redis.call('GET', KEYS[1])) or now, now), now + per)
local wait = full + interval - per - now
if wait > 0 then
  return math.ceil(wait)
end
full = full + interval
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 0
