#!lua
-- ANNOUNCE: makes a model known, once; its stamp says which revision of a name is the newest.
--
-- KEYS[1] cards (hash: ⟨m⟩ → 13 digits first announced in ms, card)
-- ARGV[1] ⟨m⟩   ARGV[2] card   ARGV[3] the stamp that it had before the broker lost it, or ''
-- Returns its stamp

local stamp = ARGV[3] ~= '' and ARGV[3] or string.format('%013d', now_ms())
redis.call('HSETNX', KEYS[1], ARGV[1], stamp .. ARGV[2])
return redis.call('HGET', KEYS[1], ARGV[1]):sub(1, 13)
