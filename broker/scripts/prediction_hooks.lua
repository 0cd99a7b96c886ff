#!lua flags=allow-oom
-- HOOKS: settles a webhook, or takes some that are due. Bounded work.
--
-- KEYS[1] predictions:hooks (zset: ended predictions → when somebody must be told, ms)
-- KEYS[2] prediction: (what begins the name of each one's hash)
-- KEYS[3] webhooks:tries (list: the newest tries, for operators)   KEYS[4] webhooks:fates (hash: fate → how many)
-- ARGV     the most to take, ms that these are nobody else's, then maybe the id of one to settle, ms until it is due again
--          (-1: never), what was tried, its fate first; how many of these are kept, for how many ms
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

-- Last: where a key of another type ends it, all that counts is done.
local tried, most, kept = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
if tried then
  for _, one in ipairs(redis.call('LRANGE', KEYS[3], -most, -1)) do
    if one:match('^%d+ (.*)$') == tried then return taken end  -- asked again
  end
  local fate = tried:match('^%S+')
  redis.call('RPUSH', KEYS[3], now .. ' ' .. tried)
  redis.call('LTRIM', KEYS[3], -most, -1)
  redis.call('PEXPIRE', KEYS[3], kept)
  redis.call('HSET', KEYS[4], fate, number_in(redis.call('HGET', KEYS[4], fate) or '') + 1)
  redis.call('PEXPIRE', KEYS[4], kept)
end
return taken
