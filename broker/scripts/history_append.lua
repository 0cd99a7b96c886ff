#!lua
-- APPEND: puts blocks of the history's rows behind those that wait, the first ones, as many as there is room for.
--
-- KEYS[1] history (list)   KEYS[2] history:state (hash)
-- ARGV    how many may wait at most, then the blocks
-- Returns how many were taken

local history, state = unpack(KEYS)
local BEFORE = 1  -- values before the blocks
local waiting = touch(history)
local taken = math.max(0, math.min(#ARGV - BEFORE, ARGV[1] - waiting))

-- From the clock on: a broker that came back empty never counts up to what a writer saw before.
if waiting == 0 then named('HSETNX', state, 'trimmed', string.format('%.0f', now_ms())) end
for at = BEFORE + 1, BEFORE + taken do redis.call('RPUSH', history, ARGV[at]) end
return taken
