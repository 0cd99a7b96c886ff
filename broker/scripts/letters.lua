#!lua flags=no-writes
-- LETTERS: the headers of a model's dead letters, newest last; never what was in them.
--
-- KEYS[1] dead:⟨m⟩ (list)   ARGV[1] most letters
-- Returns {letters there are, header, bytes with the body, header, bytes, …}; {-1} for a key of a wrong type

local there_are = redis.pcall('LLEN', KEYS[1])
if type(there_are) == 'table' then
  if there_are.err:find('WRONGTYPE') then return {-1} end
  return there_are
end
local row = {there_are}
for _, job in ipairs(redis.call('LRANGE', KEYS[1], -ARGV[1], -1)) do
  row[#row + 1], row[#row + 2] = job:sub(1, HEADER), bytes_of(job)
end
return row
