#!lua flags=allow-oom
-- FINISH where memory is spent: what MULTI does elsewhere, because results free more memory than they take.
--
-- KEYS[1] leases (zset)   KEYS[2] lease:<batch> (hash)   KEYS[3] lease:<the batch that starts> (hash), or KEYS[2] again
-- KEYS[4…] reply, bell (lists) for each frame
-- ARGV[1] batch   ARGV[2] 1 = done   ARGV[3] number of job ids   ARGV[4…] the ids, then a frame for each reply

local count = tonumber(ARGV[3])
if ARGV[2] == '1' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('DEL', KEYS[2])
elseif count > 0 then
  redis.call('HDEL', KEYS[2], unpack(ARGV, 4, 3 + count))
end
if KEYS[3] ~= KEYS[2] then redis.call('HDEL', KEYS[3], 'staged') end
for i = 4 + count, #ARGV do
  local at = 4 + 2 * (i - 4 - count)
  publish(KEYS[at], KEYS[at + 1], ARGV[i])
end
return 1
