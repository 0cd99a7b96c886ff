#!lua flags=allow-oom
-- REMOVE: an open prediction is canceled, one that has ended is forgotten.
--
-- KEYS[1] predictions:due (zset)   KEYS[2] predictions:room (zset)   KEYS[3] predictions:bytes (string)
-- KEYS[4] prediction:<id> (hash)   KEYS[5] prediction-body:<id> (string)   KEYS[6] predictions:hooks (zset)
-- KEYS[7] prediction-rows:<id> (list)
-- ARGV     id, bytes that count besides its request
-- Returns  the state that it had; nothing where there is none

local due, room, sum, hash, body, hooks, rows = unpack(KEYS)
local id, now = ARGV[1], now_ms()
local state, owner, bytes, request = unpack(redis.call('HMGET', hash, 'state', 'owner', 'bytes', 'request'))

if not state then return false end
redis.call('UNLINK', body, rows)
redis.call('ZREM', due, id)
if not predicts(state) then
  redis.call('UNLINK', (hash:gsub('prediction:([^:]*)$', 'prediction-result:%1:') .. owner))
  redis.call('DEL', hash)
  redis.call('ZREM', hooks, id)
  give_room(room, sum, id, number_in(bytes))
  return state
end
local size, life = #request + tonumber(ARGV[2]), redis.call('PTTL', hash)
redis.call('HSET', hash, 'state', 'canceled', 'finished', now, 'bytes', size)
take_room(room, sum, id, size, now, life)
tell(hooks, hash, id, now, life)
if number_in(bytes) ~= size then give_room(room, sum, id, number_in(bytes)) end
return state
