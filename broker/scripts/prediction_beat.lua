#!lua flags=allow-oom
-- BEAT of predictions: extends the leases of a front end, gives it some whose lease has ended, and takes what is over off
-- the sum of bytes. Bounded work.
--
-- KEYS[1] predictions:due (zset: open predictions → when their lease ends, ms)
-- KEYS[2] prediction: (what begins the name of each one's hash)
-- KEYS[3] predictions:room (zset)   KEYS[4] predictions:bytes (string)
-- ARGV     owner, ms of a lease, the most to adopt, 1 = these are released, how many to trim, then the ids that it holds
-- Returns  {how many are open, number of lost ones, the lost ones, the adopted ones}

local due, prefix, owner, lease, most = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local LOOKED_AT = 100  -- entries of predictions that are gone already, besides those to adopt
local now, lost, adopted = now_ms(), {}, {}

trim_room(KEYS[3], KEYS[4], now, tonumber(ARGV[5]))
for at = 6, #ARGV do
  local state, holder = unpack(redis.call('HMGET', prefix .. ARGV[at], 'state', 'owner'))
  if predicts(state) and holder == owner then
    redis.call('ZADD', due, ARGV[4] == '1' and 0 or now + lease, ARGV[at])
  else
    lost[#lost + 1] = ARGV[at]
  end
end
if ARGV[4] ~= '1' and most > 0 then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most + LOOKED_AT)) do
    local hash = prefix .. id
    if not predicts(redis.call('HGET', hash, 'state')) then
      redis.call('ZREM', due, id)
    elseif #adopted < most then
      redis.call('HSET', hash, 'owner', owner)
      redis.call('ZADD', due, now + lease, id)
      adopted[#adopted + 1] = id
    end
  end
end
return {redis.call('ZCARD', due), #lost, lost, adopted}
