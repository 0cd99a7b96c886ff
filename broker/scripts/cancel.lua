#!lua flags=allow-oom
-- CANCEL: nobody waits for these jobs any more. A few bytes for a request, and its jobs' memory comes free.
--
-- KEYS[1…] cancel:⟨m⟩ for each model (zset: the first digits of ids of jobs → when that was said, ms). TTL
-- ARGV     for each mark: index of its model from 1, the digits

local MOST = 20000  -- marks of a model: more are jobs that are computed for nobody
local now = now_ms()
for at = 1, #ARGV, 2 do
  local marks = KEYS[tonumber(ARGV[at])]
  if type(redis.pcall('ZADD', marks, now, ARGV[at + 1])) == 'table' then  -- no zset
    redis.call('DEL', marks)
    redis.call('ZADD', marks, now, ARGV[at + 1])
  end
end
for _, marks in ipairs(KEYS) do
  redis.call('ZREMRANGEBYRANK', marks, 0, -MOST - 1)
  redis.call('PEXPIRE', marks, FRAME_TTL)
end
return #ARGV / 2
