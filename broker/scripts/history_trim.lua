#!lua flags=allow-oom
-- TRIM: takes the oldest blocks of the history away, if nobody has trimmed since they were read.
--
-- KEYS[1] history (list)   KEYS[2] history:state (hash)
-- ARGV    `trimmed` as it was then, how many blocks
-- Returns 1, or 0 where somebody has

local history, state = unpack(KEYS)
local trimmed = number_in(named('HGET', state, 'trimmed') or '')
if trimmed ~= tonumber(ARGV[1]) then return 0 end
local blocks = math.min(ARGV[2], (touch(history)))
redis.call('LTRIM', history, blocks, -1)
redis.call('HSET', state, 'trimmed', string.format('%.0f', trimmed + blocks))
return 1
