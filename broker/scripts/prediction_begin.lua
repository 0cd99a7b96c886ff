#!lua flags=allow-oom
-- BEGIN: a prediction runs now, if this front end holds it.
--
-- KEYS[1] prediction:<id> (hash)
-- ARGV[1] owner
-- Returns  1 if it does

local state, owner, started = unpack(redis.call('HMGET', KEYS[1], 'state', 'owner', 'started'))
if not predicts(state) or owner ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'state', 'running', 'started', started or now_ms())
return 1
