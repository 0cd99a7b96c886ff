#!lua flags=allow-oom
-- FINISH where memory is spent: what MULTI does elsewhere, because results free more memory than they take.
--
-- KEYS[1] leases (zset)   KEYS[2] lease:<the batch that starts> (hash), or KEYS[1] again
-- KEYS[3…] lease:<batch> (hash) for each batch, then reply, bell (lists) for each frame
-- ARGV[1] number of batches, then for each: batch, 1 = done, number of job ids, the ids; then a frame for each reply

local batches, at = tonumber(ARGV[1]), 2
for i = 1, batches do
  local lease, count = KEYS[2 + i], tonumber(ARGV[at + 2])
  if ARGV[at + 1] == '1' then
    redis.call('ZREM', KEYS[1], ARGV[at])
    redis.call('DEL', lease)
  elseif count > 0 then
    redis.call('HDEL', lease, unpack(ARGV, at + 3, at + 2 + count))
  end
  at = at + 3 + count
end
if KEYS[2] ~= KEYS[1] then redis.call('HDEL', KEYS[2], 'staged') end
for i = 0, #ARGV - at do
  local reply = 3 + batches + 2 * i
  publish(KEYS[reply], KEYS[reply + 1], ARGV[at + i])
end
return 1
