#!lua flags=allow-oom
-- FAIL: publishes failures, but only of jobs that this lease still holds: a late one changes nothing.
--
-- KEYS[1] leases (zset)   KEYS[2] lease:<batch> (hash)   KEYS[3] held:⟨m⟩ (hash)
-- KEYS[4…] reply, bell (lists) for each failure
-- ARGV[1] batch   ARGV[2…] job id, frame for each failure
-- Returns the ids of those that were published

local published = {}
for i = 2, #ARGV, 2 do
  if redis.call('HDEL', KEYS[2], ARGV[i]) == 1 then
    publish(KEYS[i + 2], KEYS[i + 3], ARGV[i + 1])
    published[#published + 1] = ARGV[i]
  end
end
let_go(KEYS[3], ARGV[1], #published)
local marks = redis.call('HEXISTS', KEYS[2], 'order') + redis.call('HEXISTS', KEYS[2], 'staged')
if redis.call('HLEN', KEYS[2]) == marks then
  redis.call('DEL', KEYS[2])
  redis.pcall('ZREM', KEYS[1], ARGV[1])  -- as in FINISH
end
return published
