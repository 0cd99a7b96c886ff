#!lua
-- ANNOUNCE: makes a model known, once; its stamp says which revision of a name is the newest.
--
-- KEYS[1] cards (hash: ⟨m⟩ → 13 digits first announced in ms, card)
-- ARGV[1] ⟨m⟩   ARGV[2] card   ARGV[3] the stamp that it had before the broker lost it, or ''
-- Returns its stamp

local known = named('HGET', KEYS[1], ARGV[1])
local announced = known and known:match('^' .. ('%d'):rep(STAMP)) or ARGV[3]
if announced == '' then announced = stamp(now_ms()) end
redis.call('HSET', KEYS[1], ARGV[1], announced .. ARGV[2])  -- also over what is no card
return announced
