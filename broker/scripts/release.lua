#!lua flags=allow-oom
-- RELEASE: jobs of a batch that did not start go back to the head of their lane, in order, attempts unchanged.
--
-- KEYS[1] q interactive (list)   KEYS[2] q bulk (list)   KEYS[3] KEYS[4] their tokens (strings)
-- KEYS[5] suspect (list)   KEYS[6] wake (list)   KEYS[7] leases (zset)   KEYS[8] lease:<batch> (hash)
-- KEYS[9] held:⟨m⟩ (hash)   KEYS[10] KEYS[11] the bytes of the two lanes (strings)
-- KEYS[12] KEYS[13] their turns (strings)
-- ARGV[1] batch
-- Returns how many went back

touch(KEYS[1], KEYS[2], KEYS[5])
local now = now_ms()
local jobs, suspects = {}, {}
for _, job in ipairs(leased(KEYS[8])) do
  if attempts_of(job) > 0 then suspects[#suspects + 1] = job else jobs[#jobs + 1] = job end
end
redis.pcall('ZREM', KEYS[7], ARGV[1])  -- as in FINISH
redis.call('DEL', KEYS[8])
let_go(KEYS[9], ARGV[1])
local interactive = {queue = KEYS[1], tokens = KEYS[3], bytes = KEYS[10], turn = KEYS[12]}
to_head(jobs, {i = interactive, b = {queue = KEYS[2], tokens = KEYS[4], bytes = KEYS[11], turn = KEYS[13]}}, now)
for at = #suspects, 1, -1 do
  redis.call('LPUSH', KEYS[5], suspects[at])
  keep(KEYS[5], math.max(deadline_of(suspects[at]) - now, 0) + MARGIN)
end
if #jobs + #suspects > 0 then wake(KEYS[6]) end
return #jobs + #suspects
