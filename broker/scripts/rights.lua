#!lua flags=no-writes
-- RIGHTS: which of these commands the server's access rules deny to whoever asks. Nothing is carried out.
--
-- KEYS[1] epoch: not read; a script without a key would belong to no node of a cluster
-- ARGV    for each command: number of its words, the words
-- Returns {the places, from 0, of those that are denied; the places of those that the server does not know}

local denied, unknown, at, place = {}, {}, 1, 0
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  local known, allowed = pcall(redis.acl_check_cmd, unpack(ARGV, at + 1, at + count))
  if not known then
    unknown[#unknown + 1] = place
  elseif not allowed then
    denied[#denied + 1] = place
  end
  at, place = at + 1 + count, place + 1
end
return {denied, unknown}
