#!lua flags=allow-oom
-- BEAT: extends a batcher's own leases and keeps its card, files and presence alive.
--
-- KEYS[1] leases (zset)   KEYS[2] cards (hash: ⟨m⟩ → 13 digits first announced in ms, card)
-- KEYS[3] batchers (hash: batcher → 13 digits last beat in ms, ⟨m⟩, newline, presence)
-- KEYS[4] epoch (string)  KEYS[5] limits:<name> (hash)  KEYS[6…] artifact:<sha256> (strings). TTL
-- ARGV[1] batcher   ARGV[2] ⟨m⟩   ARGV[3] presence   ARGV[4] lease in ms   ARGV[5] ms that a file lives
-- ARGV[6] what a cancel key begins with   ARGV[7] an epoch, should there be none   ARGV[8] number of batches
-- ARGV[9…] the batches, then the ids of their live jobs
-- Returns {lost batches, cancelled ids, epoch, live limits or 0 where their key is no hash, 1 where card or files are gone}

local now = now_ms()
local batches = tonumber(ARGV[8])

local lost = {}
for i = 9, 8 + batches do
  if named('ZSCORE', KEYS[1], ARGV[i]) then
    redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end

local cancelled = {}
for i = 9 + batches, #ARGV do
  if redis.call('EXISTS', ARGV[6] .. ARGV[i]) == 1 then cancelled[#cancelled + 1] = ARGV[i] end
end

local missing = named('HEXISTS', KEYS[2], ARGV[2]) == 0
for i = 6, #KEYS do
  if redis.call('PEXPIRE', KEYS[i], ARGV[5]) == 0 then missing = true end
end
named('HSET', KEYS[3], ARGV[1], string.format('%013d', now) .. ARGV[2] .. '\n' .. ARGV[3])
redis.call('SET', KEYS[4], ARGV[7], 'NX')
-- An operator's typing error must not stop a heart.
local limits = redis.pcall('HGETALL', KEYS[5])
return {lost, cancelled, named('GET', KEYS[4]), limits.err and 0 or limits, missing and 1 or 0}
