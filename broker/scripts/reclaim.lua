#!lua flags=allow-oom
-- RECLAIM: takes back the jobs of expired leases, and prunes cards and batchers that nobody beats for.
--
-- KEYS[1] q interactive (list)   KEYS[2] q bulk (list)   KEYS[3] KEYS[4] their tokens (strings)
-- KEYS[5] suspect (list)   KEYS[6] wake (list)   KEYS[7] leases (zset)   KEYS[8] dead (list)
-- KEYS[9] cards (hash)     KEYS[10] batchers (hash)   KEYS[11] cancel:⟨m⟩ (zset: see CANCEL)
-- KEYS[12] held:⟨m⟩ (hash)   KEYS[13] KEYS[14] the bytes of the two lanes (strings)
-- KEYS[15] KEYS[16] their turns (strings)
-- ARGV[1] what every key begins with   ARGV[2] attempts that make a dead letter   ARGV[3] dead letters kept
-- ARGV[4] ms of silence after which a batcher is pruned   ARGV[5] jobs after which a call takes no further lease
-- ARGV[6] the same in bytes   ARGV[7] ms after which jobs in leases know that they are cancelled
-- Returns this call's dead letters, as they are kept

local prefix, most_attempts = ARGV[1], tonumber(ARGV[2])
local now = now_ms()
local dead, fresh, returned = {}, {}, 0

local function bury(job)
  redis.call('RPUSH', KEYS[8], job)
  redis.call('LTRIM', KEYS[8], -ARGV[3], -1)
  local front_end = front_end_of(job)
  publish(prefix .. 'reply:' .. front_end, prefix .. 'bell:' .. front_end, PROTOCOL .. 'P' .. id_of(job))
  dead[#dead + 1] = job
end

local function suspect(job)
  local attempts = attempts_of(job) + 1
  local marked = with_attempts(job, attempts)
  if attempts >= most_attempts then return bury(marked) end
  redis.call('RPUSH', KEYS[5], marked)
  keep(KEYS[5], math.max(deadline_of(job) - now, 0) + MARGIN)
  returned = returned + 1
end

-- The jobs of several batches go to the head together, the oldest in front. Lua's sort keeps no order by itself.
local function fresh_to_head()
  table.sort(fresh, function(a, b)
    if a.admitted ~= b.admitted then return a.admitted < b.admitted end
    return a.place < b.place
  end)
  local jobs = {}
  for i, entry in ipairs(fresh) do jobs[i] = entry.job end
  local interactive = {queue = KEYS[1], tokens = KEYS[3], bytes = KEYS[13], turn = KEYS[15]}
  to_head(jobs, {i = interactive, b = {queue = KEYS[2], tokens = KEYS[4], bytes = KEYS[14], turn = KEYS[16]}}, now)
end

local function push_back(jobs)
  for _, job in ipairs(jobs) do
    if attempts_of(job) > 0 then
      redis.call('RPUSH', KEYS[5], job)
      keep(KEYS[5], math.max(deadline_of(job) - now, 0) + MARGIN)
    else
      fresh[#fresh + 1] = {job = job, admitted = admitted_of(job), place = #fresh}
    end
  end
  returned = returned + #jobs
end

touch(KEYS[1], KEYS[2], KEYS[5], KEYS[8])
-- One that ran in flight left many small leases behind: the work is bounded by jobs and their bytes.
local taken, bytes = 0, 0
for _, batch in ipairs(named('ZRANGEBYSCORE', KEYS[7], '-inf', now, 'LIMIT', 0, 1000)) do
  if taken >= tonumber(ARGV[5]) or bytes >= tonumber(ARGV[6]) then break end
  local lease = prefix .. 'lease:' .. batch
  local jobs, staged = leased(lease), redis.pcall('HEXISTS', lease, 'staged') == 1
  taken = taken + #jobs
  for _, job in ipairs(jobs) do bytes = bytes + #job end
  redis.call('ZREM', KEYS[7], batch)
  redis.call('DEL', lease)
  let_go(KEYS[12], batch)
  if staged then push_back(jobs) else for _, job in ipairs(jobs) do suspect(job) end end
end
-- What is said to be held and has no lease, for a script that failed half-way or keys that were deleted, is held no more.
local function count_anew()
  local entries, jobs, tokens = redis.pcall('HGETALL', KEYS[12]), 0, 0
  if entries.err then return redis.call('DEL', KEYS[12]) end
  for i = 1, #entries, 2 do
    local its_jobs, its_tokens = entries[i + 1]:match('^(%d+) (%d+)$')
    if not its_jobs or not redis.call('ZSCORE', KEYS[7], entries[i]) then
      redis.call('HDEL', KEYS[12], entries[i])
    else
      jobs, tokens = jobs + its_jobs, tokens + its_tokens
    end
  end
  if jobs > 0 then add_held(KEYS[12], jobs, tokens) end
end

if redis.pcall('HLEN', KEYS[12]) ~= (redis.call('ZCARD', KEYS[7]) > 0 and redis.call('ZCARD', KEYS[7]) + 2 or 0) then
  count_anew()
end
fresh_to_head()
if returned > 0 then wake(KEYS[6]) end

local function mend_turn(turn, list, key)
  local text = redis.pcall('GET', turn)
  if type(text) == 'string' and text:find(' ' .. list .. ':', 1, true) then return end
  give_turn(turn, list, weight_of(redis.call('LINDEX', key, 0)), redis.call('PTTL', key))
  wake(KEYS[6])
end

-- Every list that may hold jobs of a model. One whose turn is not told would wait for ever: it is told anew.
local function lists_of_all()
  local found = {KEYS[5]}
  for lane = 1, 2 do
    for number = 0, LISTS - 1 do
      local list = tostring(number)
      local key = list_key(KEYS[lane], list)
      local jobs = number > 0 and redis.pcall('LLEN', key) or 0
      local has_jobs = type(jobs) == 'number' and jobs > 0
      if number == 0 or has_jobs then found[#found + 1] = key end
      if has_jobs then mend_turn(KEYS[14 + lane], list, key) end
    end
  end
  return found
end

-- A mark is of no use once every job that waits was admitted after it.
local function sweep_marks()
  local oldest = now - ARGV[7]
  for _, list in ipairs(lists_of_all()) do
    local head = redis.call('LINDEX', list, 0)
    if head then oldest = math.min(oldest, admitted_of(head)) end
  end
  if type(redis.pcall('ZREMRANGEBYSCORE', KEYS[11], '-inf', '(' .. oldest)) == 'table' then
    redis.call('DEL', KEYS[11])  -- no zset
  end
end
sweep_marks()

-- An entry without a time is older than all, and so is one from the future: nobody beats for it.
local function silence(entry)
  local beat = number_in(entry:sub(1, STAMP))
  return now - (beat > now + ARGV[4] and 0 or beat)
end

local live = {}
local batchers = named('HGETALL', KEYS[10])
for i = 1, #batchers, 2 do
  local entry = batchers[i + 1]
  if silence(entry) > tonumber(ARGV[4]) then
    redis.call('HDEL', KEYS[10], batchers[i])
  else
    live[entry:sub(STAMP + 1):match('^[^\n]*')] = true
  end
end
local cards = named('HGETALL', KEYS[9])
for i = 1, #cards, 2 do
  local silent = silence(cards[i + 1]) > tonumber(ARGV[4])
  if silent and not live[cards[i]] then redis.call('HDEL', KEYS[9], cards[i]) end
end
return dead
