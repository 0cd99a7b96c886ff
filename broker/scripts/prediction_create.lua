#!lua
-- CREATE: stores a prediction under a lease of its owner, or says which one its idempotency key stands for. Its body was SET before.
--
-- KEYS[1] predictions:due (zset)   KEYS[2] predictions:room (zset)   KEYS[3] predictions:bytes (string)
-- KEYS[4] prediction:<id> (hash)   KEYS[5] prediction-body:<id> (string)   KEYS[6] idem:<sha256> (string), or none
-- ARGV     id, owner, request, records, ms to its deadline, ms that its result is kept, fingerprint,
--          ms of a lease, the most bytes, bytes that count besides the body, how many to trim, 1 = it runs,
--          1 = somebody is to be told
-- Returns  {what has come of it, id, ms until bytes come free}

local due, room, sum, hash, body, key = unpack(KEYS)
local id, owner, request, records, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[7]
local left, kept, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])
local most, besides, trimmed = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local now = now_ms()

if redis.call('EXISTS', hash) == 1 then return {'created', id, 0} end  -- asked again
if key then
  local known, of = (redis.call('GET', key) or ''):match('^(%S+) (%S+)$')
  if known and redis.call('EXISTS', hash:sub(1, -#id - 1) .. known) == 1 then
    redis.call('UNLINK', body)
    return {of == fingerprint and 'replayed' or 'mismatch', known, 0}
  end
end

trim_room(room, sum, now, trimmed)
if redis.call('EXISTS', body) == 0 then return {'full', '', 1000} end  -- there was no memory for it
local bytes = redis.call('STRLEN', body) + #request + besides
if number_in(redis.call('GET', sum) or '') + bytes > most then
  local first = redis.call('ZRANGEBYSCORE', room, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  redis.call('UNLINK', body)
  return {'full', '', math.max(0, (tonumber(first) or now) - now)}
end

local life = left + kept
redis.call('HSET', hash, 'state', ARGV[12] == '1' and 'running' or 'queued', 'owner', owner, 'request', request, 'records', records, 'done', 0, 'failed', 0,
  'created', now, 'deadline', now + left, 'expires', now + life, 'bytes', bytes)
if ARGV[12] == '1' then redis.call('HSET', hash, 'started', now) end
if ARGV[13] == '1' then redis.call('HSET', hash, 'hook', 0) end
redis.call('PEXPIRE', hash, life)
redis.call('PEXPIRE', body, life)
redis.call('ZADD', due, now + lease, id)
keep(due, life + MARGIN)
take_room(room, sum, id, bytes, now, life)
if key then redis.call('SET', key, id .. ' ' .. fingerprint, 'PX', life) end  -- alone it stands for nothing
return {'created', id, 0}
