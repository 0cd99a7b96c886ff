#!lua
-- ANNOUNCE: makes a model known, once; its stamp says which revision of a name is the newest.
--
-- KEYS[1] cards (hash: ⟨m⟩ → 13 digits first announced in ms, card)
-- ARGV[1] ⟨m⟩   ARGV[2] card

redis.call('HSETNX', KEYS[1], ARGV[1], string.format('%013d', now_ms()) .. ARGV[2])
return 1
