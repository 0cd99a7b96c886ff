#!lua flags=allow-oom
-- FINISH: publishes results, and takes what ended out of its leases. Where results are large, and memory is not spent, MULTI
-- publishes them beside it. Allowed to take memory, because results free more than they take.
--
-- KEYS[1] leases (zset)   KEYS[2] held:⟨m⟩ (hash)   KEYS[3] lease:<the batch that starts> (hash), or KEYS[1] again
-- KEYS[4…] lease:<batch> (hash) for each batch, then reply, bell (lists) for each frame
-- ARGV[1] number of batches, then for each: batch, 1 = done, number of job ids, the ids; then a frame for each reply

local batches, at = tonumber(ARGV[1]), 2
local frames = (#KEYS - 3 - batches) / 2
for i = 1, frames do  -- first: a lease that is none must not keep results from those who wait
  local reply = 2 + batches + 2 * i
  publish(KEYS[reply], KEYS[reply + 1], ARGV[#ARGV - frames + i])
end
for i = 1, batches do
  local lease, count = KEYS[3 + i], tonumber(ARGV[at + 2])
  if ARGV[at + 1] == '1' then
    redis.pcall('ZREM', KEYS[1], ARGV[at])  -- no zset: DRAIN tells of it, and what is done is done
    redis.call('DEL', lease)
    let_go(KEYS[2], ARGV[at])
  elseif count > 0 then
    let_go(KEYS[2], ARGV[at], redis.call('HDEL', lease, unpack(ARGV, at + 3, at + 2 + count)))
  end
  at = at + 3 + count
end
if KEYS[3] ~= KEYS[1] then redis.call('HDEL', KEYS[3], 'staged') end
return 1
