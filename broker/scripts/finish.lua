#!lua flags=allow-oom
-- FINISH: takes what ended out of its leases. Where memory is spent it publishes the frames as well, which elsewhere MULTI
-- does beside it, because results free more memory than they take.
--
-- KEYS[1] leases (zset)   KEYS[2] held:⟨m⟩ (hash)   KEYS[3] lease:<the batch that starts> (hash), or KEYS[1] again
-- KEYS[4…] lease:<batch> (hash) for each batch, then reply, bell (lists) for each frame
-- ARGV[1] number of batches, then for each: batch, 1 = done, number of job ids, the ids; then a frame for each reply

local batches, at = tonumber(ARGV[1]), 2
for i = 1, batches do
  local lease, count = KEYS[3 + i], tonumber(ARGV[at + 2])
  if ARGV[at + 1] == '1' then
    redis.call('ZREM', KEYS[1], ARGV[at])
    redis.call('DEL', lease)
    let_go(KEYS[2], ARGV[at])
  elseif count > 0 then
    let_go(KEYS[2], ARGV[at], redis.call('HDEL', lease, unpack(ARGV, at + 3, at + 2 + count)))
  end
  at = at + 3 + count
end
if KEYS[3] ~= KEYS[1] then redis.call('HDEL', KEYS[3], 'staged') end
for i = 0, #ARGV - at do
  local reply = 4 + batches + 2 * i
  publish(KEYS[reply], KEYS[reply + 1], ARGV[at + i])
end
return 1
