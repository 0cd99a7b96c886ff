#!lua flags=allow-oom
-- DROPPED: counts rows of the history that were lost, and says when the last ones were, also when memory is spent.
--
-- KEYS[1] history:state (hash)
-- ARGV    how many

local before = named('HGET', KEYS[1], 'dropped')
local after = string.format('%.0f', number_in(before or '') + ARGV[1])
redis.call('HSET', KEYS[1], 'dropped', after, 'dropped_at', string.format('%.0f', now_ms()))
