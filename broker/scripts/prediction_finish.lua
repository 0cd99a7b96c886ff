#!lua flags=allow-oom
-- END: a prediction ends. Its result was SET before, under this owner's name: so the first one counts, and no later one
-- takes its place.
--
-- KEYS[1] predictions:due (zset)   KEYS[2] predictions:room (zset)   KEYS[3] predictions:bytes (string)
-- KEYS[4] prediction:<id> (hash)   KEYS[5] prediction-body:<id> (string)   KEYS[6] prediction-result:<id>:<owner> (string)
-- KEYS[7] predictions:hooks (zset)   KEYS[8] prediction-rows:<id> (list)
-- ARGV     id, owner, state, records done, records failed, ms that it is kept, bytes that count besides the result
-- Returns  1: this ending counts; 0: it does not; -1: there was no memory for the result

local due, room, sum, hash, body, result, hooks, rows = unpack(KEYS)
local id, owner, state, kept, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[6]), now_ms()
local before, holder, bytes, request = unpack(redis.call('HMGET', hash, 'state', 'owner', 'bytes', 'request'))

if before and not predicts(before) and before ~= 'canceled' and holder == owner then return 1 end  -- asked again
if not predicts(before) or (state ~= 'succeeded' and holder ~= owner) then
  redis.call('UNLINK', result)
  return 0
end
if redis.call('EXISTS', result) == 0 then return -1 end

local size = redis.call('STRLEN', result) + #request + tonumber(ARGV[7])
redis.call('HSET', hash, 'state', state, 'owner', owner, 'done', ARGV[4], 'failed', ARGV[5], 'finished', now,
  'expires', now + kept, 'bytes', size)
redis.call('PEXPIRE', hash, kept)
redis.call('PEXPIRE', result, kept)
redis.call('UNLINK', body, rows)
redis.call('ZREM', due, id)
take_room(room, sum, id, size, now, kept)
tell(hooks, hash, id, now, kept)
if number_in(bytes) ~= size then give_room(room, sum, id, number_in(bytes)) end
return 1
