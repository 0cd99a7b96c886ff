#!lua flags=allow-oom
-- CREDENTIAL: adds, changes or removes what is kept of an API key, if it is still what the operator saw.
--
-- KEYS[1] keys (hash: id → JSON; #version)
-- ARGV    id, its entry as it was ('' for none), as it shall be ('' for none)
-- Returns 1, or 0 where somebody else was first
--
-- By the version front ends see that there was a change. It begins with the clock: a broker that came back empty never
-- counts up to one that somebody has seen.

local id, before, after = ARGV[1], ARGV[2], ARGV[3]
if (redis.call('HGET', KEYS[1], id) or '') ~= before then return 0 end
if after == '' then redis.call('HDEL', KEYS[1], id) else redis.call('HSET', KEYS[1], id, after) end
redis.call('HSETNX', KEYS[1], '#version', string.format('%.0f', now_ms()))
redis.call('HINCRBY', KEYS[1], '#version', 1)
return 1
