#!lua flags=allow-oom
-- BEAT: extends a batcher's own leases and keeps its card, files and presence alive.
--
-- KEYS[1] leases (zset)   KEYS[2] cards (hash: ⟨m⟩ → 13 digits first announced in ms, card)
-- KEYS[3] batchers (hash: batcher → 13 digits last beat in ms, ⟨m⟩, newline, presence)
-- KEYS[4] epoch (string)  KEYS[5] limits:<name> (hash)  KEYS[6] cancel:⟨m⟩ (zset: see CANCEL)
-- KEYS[7] held:⟨m⟩ (hash)
-- KEYS[8…] lease:<batch> (hash) for each batch, then artifact:<sha256> (strings). TTL
-- ARGV[1] batcher   ARGV[2] ⟨m⟩   ARGV[3] presence   ARGV[4] lease in ms   ARGV[5] ms that a file lives
-- ARGV[6] an epoch, should there be none   ARGV[7] number of batches
-- ARGV[8…] for each batch: its name, number of its live jobs, their ids
-- Returns {lost batches, ids of jobs that nobody waits for, epoch, live limits
--          or 0 where their key is no hash, 1 where card or files are gone}

local now = now_ms()
local batches = tonumber(ARGV[7])
local lost, cancelled = {}, {}

-- What is cancelled leaves the lease: its mark may go, and should this batcher die nobody computes it again. So a job
-- that is not in its lease is cancelled, or has ended.
local function look_at(batch, lease, is_held, ids)
  local marked, left = cancelled_among(KEYS[6], ids), 0
  for i, id in ipairs(ids) do
    if marked[i] and is_held and redis.pcall('HDEL', lease, id) == 1 then left = left + 1 end
    if marked[i] or is_held and redis.pcall('HEXISTS', lease, id) == 0 then cancelled[#cancelled + 1] = id end
  end
  if left > 0 then let_go(KEYS[7], batch, left) end
end

local at = 8
for i = 1, batches do
  local batch, count, ids = ARGV[at], tonumber(ARGV[at + 1]), {}
  for j = at + 2, at + 1 + count do ids[#ids + 1] = ARGV[j] end
  local is_held = named('ZSCORE', KEYS[1], batch)
  if is_held then
    redis.call('ZADD', KEYS[1], now + ARGV[4], batch)
  else
    lost[#lost + 1] = batch
  end
  look_at(batch, KEYS[7 + i], is_held, ids)
  at = at + 2 + count
end

local missing = named('HEXISTS', KEYS[2], ARGV[2]) == 0
for i = 8 + batches, #KEYS do
  if redis.call('PEXPIRE', KEYS[i], ARGV[5]) == 0 then missing = true end
end
named('HSET', KEYS[3], ARGV[1], stamp(now) .. ARGV[2] .. '\n' .. ARGV[3])
redis.call('SET', KEYS[4], ARGV[6], 'NX')
-- An operator's typing error must not stop a heartbeat.
local limits = redis.pcall('HGETALL', KEYS[5])
return {lost, cancelled, named('GET', KEYS[4]), limits.err and 0 or limits, missing and 1 or 0}
