#!lua
-- APPEND: puts blocks of the history's rows behind those that wait, the first ones, as many as there is room for.
--
-- KEYS[1] history (list)   KEYS[2] history:state (hash)
-- ARGV    how many may wait at most, and how many bytes they may have together; then the blocks
-- Returns how many were taken

local history, state = unpack(KEYS)
local BEFORE = 2  -- values before the blocks
local most_blocks, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
local waiting, bytes, taken = touch(history), 0, 0

-- From the clock on: a broker that came back empty never counts up to what a writer saw before.
if waiting == 0 then named('HSETNX', state, 'trimmed', string.format('%.0f', now_ms()))
else bytes = number_in(named('HGET', state, 'bytes') or '') end

for at = BEFORE + 1, #ARGV do
  local after = bytes + #ARGV[at]
  if waiting + taken >= most_blocks or after > most_bytes then break end
  redis.call('RPUSH', history, ARGV[at])
  bytes, taken = after, taken + 1
end
redis.call('HSET', state, 'bytes', string.format('%.0f', bytes))
return taken
