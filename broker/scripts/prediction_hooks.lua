#!lua flags=allow-oom
-- HOOKS: settles a webhook, or takes some that are due. Bounded work.
--
-- KEYS[1] predictions:hooks (zset: ended predictions → when somebody must be told, ms)
-- KEYS[2] prediction: (what begins the name of each one's hash)
-- ARGV     the most to take, ms that these are nobody else's, then maybe the id of one to settle, ms until it is due again
--          (-1: never)
-- Returns  {id, tries, id, tries, …}

local hooks, prefix, lease, settled, wait = KEYS[1], KEYS[2], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4] or '-1')
local now, taken = now_ms(), {}

if settled and wait < 0 then
  redis.call('ZREM', hooks, settled)
elseif settled then
  redis.call('ZADD', hooks, 'XX', now + wait, settled)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', hooks, '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))) do
  local hash = prefix .. id
  local tries = redis.call('HGET', hash, 'hook')
  if tries then
    tries = number_in(tries) + 1
    redis.call('HSET', hash, 'hook', tries)
    redis.call('ZADD', hooks, now + lease, id)
    taken[#taken + 1] = id
    taken[#taken + 1] = tries
  else
    redis.call('ZREM', hooks, id)  -- its prediction is forgotten
  end
end
return taken
