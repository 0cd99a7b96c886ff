#!lua flags=allow-oom
-- TRIM: takes the oldest blocks of the history away, if nobody has trimmed since they were read.
--
-- KEYS[1] history (list)   KEYS[2] history:state (hash)
-- ARGV    `trimmed` as it was then, how many blocks
-- Returns 1, or 0 where somebody has

local history, state = unpack(KEYS)
local trimmed = number_in(named('HGET', state, 'trimmed') or '')
if trimmed ~= tonumber(ARGV[1]) then return 0 end
local blocks, bytes = math.min(ARGV[2], (touch(history))), number_in(named('HGET', state, 'bytes') or '')
for _, block in ipairs(blocks > 0 and redis.call('LRANGE', history, 0, blocks - 1) or {}) do bytes = bytes - #block end
redis.call('LTRIM', history, blocks, -1)
redis.call('HSET', state, 'trimmed', string.format('%.0f', trimmed + blocks), 'bytes', string.format('%.0f', math.max(0, bytes)))
return 1
