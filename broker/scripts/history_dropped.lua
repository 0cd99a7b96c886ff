#!lua flags=allow-oom
-- DROPPED: counts rows of the history that were lost, also when memory is spent.
--
-- KEYS[1] history:state (hash)
-- ARGV    how many

local before = named('HGET', KEYS[1], 'dropped')
redis.call('HSET', KEYS[1], 'dropped', string.format('%.0f', number_in(before or '') + ARGV[1]))
