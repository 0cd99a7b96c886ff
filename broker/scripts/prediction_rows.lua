#!lua
-- ROWS: keeps what records of a prediction have come to, if this front end holds it. Rows that are kept already are passed
-- over, and what would leave a gap is not taken.
--
-- KEYS[1] predictions:room (zset)   KEYS[2] predictions:bytes (string)
-- KEYS[3] prediction:<id> (hash)    KEYS[4] prediction-rows:<id> (list: place of a record → its row)
-- ARGV     id, owner, place of the first row, how many failed up to the last, then the rows
-- Returns  how many rows are kept; -1: it does not hold it

local room, sum, hash, rows = unpack(KEYS)
local id, first, failed, now = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), now_ms()
local BEFORE = 4  -- values before the rows
local state, owner, bytes = unpack(redis.call('HMGET', hash, 'state', 'owner', 'bytes'))

if not predicts(state) or owner ~= ARGV[2] then return -1 end
local kept, size = redis.call('LLEN', rows), number_in(bytes)
if first > kept or first + #ARGV - BEFORE <= kept then return kept end

for at = BEFORE + 1 + kept - first, #ARGV do
  kept = redis.call('RPUSH', rows, ARGV[at])
  size = size + #ARGV[at]
end
local life = redis.call('PTTL', hash)
redis.call('PEXPIRE', rows, life)
redis.call('HSET', hash, 'done', kept - failed, 'failed', failed, 'bytes', size)
take_room(room, sum, id, size, now, life)
if number_in(bytes) ~= size then give_room(room, sum, id, number_in(bytes)) end
return kept
