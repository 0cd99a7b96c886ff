#!lua flags=allow-oom
-- DROP: forgets dead letters of a model, for good.
--
-- KEYS[1] dead:⟨m⟩ (list)   ARGV[1…] ids; none: all
-- Returns the ids of those that are gone

local wanted, gone = {}, {}
for _, id in ipairs(ARGV) do wanted[id] = true end
for _, job in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if #ARGV == 0 or wanted[id_of(job)] then
    redis.call('LREM', KEYS[1], 1, job)
    gone[#gone + 1] = id_of(job)
  end
end
return gone
