#!lua flags=allow-oom
-- BEAT of the history's writer: what it says of itself, and when.
--
-- KEYS[1] history:state (hash)
-- ARGV    names and values

named('HSET', KEYS[1], 'at', string.format('%.0f', now_ms()), unpack(ARGV))
