#!lua flags=no-writes
-- OVERVIEW: what a namespace holds at one moment, for people. Reads a bounded amount; keys of a wrong type count -1.
--
-- KEYS[1] epoch (string)   KEYS[2] keys (hash)
-- ARGV[1] what every key begins with   ARGV[2] leases looked into for each model   ARGV[3] most models
-- ARGV[4] fields read of a hash that has one for each caller, at least
-- ARGV[5…] ⟨m⟩ that were found by SCAN; those that are announced stand before them
-- Reads predictions:due, predictions:room (zsets) and predictions:bytes (string), cards, batchers, defaults, traffic, limits (hashes); of each ⟨m⟩ q with its further lists, suspect, dead (lists), tokens and bytes (strings), leases
-- (zset); predictions:hooks (zset), webhooks:tries (list), webhooks:fates, refused (hashes); of each of its leases looked into lease:<batch> (hash)
-- Returns {now, epoch, cards, batchers, models there are, keys of a wrong type, {{name, live limits}, …}, {open, kept, bytes of predictions}, {webhooks due, their
--           fates, their newest tries}, {shares of requests by model}, {changes of keys, keys there are with that count, some of them, refusals there are, some of them}, row, row, …}, which
--           broker/admin/decoding.py reads. A row of a model: ⟨m⟩; for each lane jobs, tokens, bytes, ms when the oldest
--           was admitted, jobs of each of its lists; suspects, dead letters, leases, leases looked into, their jobs, how many are staged, ms of the first
--           expiry

local prefix = ARGV[1]
local TRIES = 20  -- to deliver webhooks, that are shown

local wrong, noted = {}, {}
local function note(key)
  if not noted[key] then wrong[#wrong + 1] = key end
  noted[key] = true
end

local function ask(...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if not answer.err:find('WRONGTYPE') then error(answer) end
  note(select(2, ...))
end

local function number_of(...) return tonumber(ask(...) or -1) or 0 end

local function lane(model, name)
  local queue, jobs, oldest, in_lists = prefix .. 'q:' .. model .. ':' .. name, 0, 0, {}
  for number = 0, LISTS - 1 do
    local list = list_key(queue, tostring(number))
    local head, length = ask('LINDEX', list, 0), number_of('LLEN', list)
    jobs = length < 0 and length or jobs < 0 and jobs or jobs + length
    in_lists[number + 1] = length
    if head and (oldest == 0 or admitted_of(head) < oldest) then oldest = admitted_of(head) end
  end
  local function counted(what)
    local counter = prefix .. what .. model .. ':' .. name
    local count = ask('GET', counter)
    if count and not tonumber(count) then note(counter) end
    return tonumber(count or 0) or -1
  end
  return jobs, counted('tokens:'), counted('bytes:'), oldest, in_lists
end

-- How many fields it has, and all of them or, where there are more than that, at least so many.
local function some_of(hash)
  local found = ask('HSCAN', hash, 0, 'COUNT', ARGV[4]) or {}
  return number_of('HLEN', hash), found[2] or {}
end

local function leases_of(model)
  local key = prefix .. 'leases:' .. model
  local found = ask('ZRANGE', key, 0, ARGV[2] - 1, 'WITHSCORES') or {}
  local jobs, staged = 0, 0
  for i = 1, #found, 2 do
    local lease = prefix .. 'lease:' .. found[i]
    local is_staged = ask('HEXISTS', lease, 'staged') or 0
    jobs = jobs + math.max(0, number_of('HLEN', lease) - (ask('HEXISTS', lease, 'order') or 0) - is_staged)
    staged = staged + is_staged
  end
  return number_of('ZCARD', key), #found / 2, jobs, staged, tonumber(found[2] or 0)
end

local cards, batchers = ask('HGETALL', prefix .. 'cards') or {}, ask('HGETALL', prefix .. 'batchers') or {}
local models, seen = {}, {}
local function add(model)
  if model and not seen[model] then
    seen[model] = true
    models[#models + 1] = model
  end
end
for i = 1, #cards, 2 do add(cards[i]) end
for i = 2, #batchers, 2 do add(batchers[i]:sub(STAMP + 1):match('^([^\n]*)\n')) end
for i = 5, #ARGV do add(ARGV[i]) end

local limits, named_before = {}, {}
local function add_limits(name)
  if not name or named_before[name] then return end
  named_before[name] = true
  local entry = ask('HGETALL', prefix .. 'limits:' .. name) or {}
  if #entry > 0 then limits[#limits + 1] = {name, entry} end
end

ask('HGETALL', prefix .. 'defaults')  -- for its type alone
local traffic = ask('HGETALL', prefix .. 'traffic') or {}
local predictions = {number_of('ZCARD', prefix .. 'predictions:due'), number_of('ZCARD', prefix .. 'predictions:room'),
  number_in(ask('GET', prefix .. 'predictions:bytes') or '')}
local webhooks = {number_of('ZCARD', prefix .. 'predictions:hooks'), ask('HGETALL', prefix .. 'webhooks:fates') or {},
  ask('LRANGE', prefix .. 'webhooks:tries', -TRIES, -1) or {}}
local keys, some_keys = some_of(KEYS[2])
local refusals, some_refusals = some_of(prefix .. 'refused')
local callers = {ask('HGET', KEYS[2], '#version') or '', keys, some_keys, refusals, some_refusals}
local seen_now = {now_ms(), ask('GET', KEYS[1]) or '', cards, batchers, #models, wrong, limits, predictions, webhooks, traffic, callers}
for at = 1, math.min(#models, ARGV[3]) do
  local model = models[at]
  local row = {model}
  add_limits(model:match('^(.*)@'))
  for _, name in ipairs({'interactive', 'bulk'}) do
    for _, value in ipairs({lane(model, name)}) do row[#row + 1] = value end
  end
  row[#row + 1] = number_of('LLEN', prefix .. 'suspect:' .. model)
  row[#row + 1] = number_of('LLEN', prefix .. 'dead:' .. model)
  for _, value in ipairs({leases_of(model)}) do row[#row + 1] = value end
  seen_now[#seen_now + 1] = row
end
return seen_now
