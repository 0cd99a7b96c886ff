-- Shared by every script: broker/redis/scripts.py puts what one uses of it behind its first line, and before it what
-- Python's tables say: of each field of a job's header (broker/header.py) the places of its first and last byte, so COST and
-- COST_END; and PROTOCOL, HEADER (bytes before the body), STAMP, FRAME_TTL, MOST_ASKED, BULK_SHARE, LISTS, MOST_OF_A_LANE, REQUEST, RECORD,
-- BY_REFERENCE (the byte of a job's kind that says that its body lies apart).
-- A job is that header and a body that no script opens, or in its place the digits of how many bytes the two have together.
local MARGIN = 60000              -- ms that a key outlives the last deadline in it
local ID_WIDTH = ID_END - ID + 1  -- characters of a job id
local WIDTHS = {REQUEST, RECORD}  -- digits of a job id that name its request, and its record in that

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Digits and nothing else: tonumber alone takes 'nan', '-1' and '0x7f' too.
local function number_in(text) return tonumber(text:match('^%d+$')) or 0 end

local function list_of(job) return job:sub(LIST, LIST_END) end
local function weight_of(job) return math.max(1, number_in(job:sub(WEIGHT, WEIGHT_END))) end
local function lane_of(job) return job:sub(LANE, LANE_END) end
local function attempts_of(job) return number_in(job:sub(ATTEMPTS, ATTEMPTS_END)) end
local function cost_of(job) return number_in(job:sub(COST, COST_END)) end
local function admitted_of(job) return number_in(job:sub(ADMITTED, ADMITTED_END)) end
local function deadline_of(job) return number_in(job:sub(DEADLINE, DEADLINE_END)) end
local function front_end_of(job) return (job:sub(FRONT_END, FRONT_END_END):gsub(' ', '')) end
local function id_of(job) return job:sub(ID, ID_END) end
local function lies_apart(job) return job:byte(KIND) == BY_REFERENCE end
local function bytes_of(job) return job:byte(KIND) == BY_REFERENCE and number_in(job:sub(HEADER + 1)) or #job end
local function with_attempts(job, attempts) return job:sub(1, ATTEMPTS - 1) .. attempts .. job:sub(ATTEMPTS_END + 1) end

-- A time in ms as it stands in headers and in front of entries of the registry.
local function stamp(ms) return string.format('%0' .. STAMP .. 'd', ms) end

-- Lets `key` live for `ms` more at least: nothing that Jitney queues stays for ever. `is_new`: it has no end yet.
local function keep(key, ms, is_new)
  if is_new or redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end

-- As redis.call; its error names the key, for somebody has to find it.
local function named(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) == 'table' and answer.err then error({err = answer.err .. ' key ' .. key}) end
  return answer
end

-- A script that fails half-way has taken jobs from one place and not brought them to the next. So those that move jobs
-- first touch the lists between which they do: a key of another type ends them before anything has changed. Returns how
-- long each of them is.
local function touch(...)
  local lengths = {}
  for i, list in ipairs({...}) do lengths[i] = named('LLEN', list) end
  return unpack(lengths)
end

-- Counts what a lane holds; a counter that is no number begins anew. `ms`: how long one that begins here lives at least.
local function count(counter, by, ms)
  if by == 0 then return end  -- a negative zero is no number to Redis 7.0, and its counter would begin anew
  local sum = redis.pcall('INCRBY', counter, by)
  if type(sum) == 'table' then
    redis.call('DEL', counter)
  elseif sum == by then
    keep(counter, ms)
  end
end

-- A lane is {queue = …, tokens = …, bytes = …}: the keys of its jobs, or of one list of them, and of its two counters. These
-- jobs have come, and are kept for `ms` (a second less, so that not every call prolongs them).
local function grow(lane, tokens, bytes, ms)
  if redis.call('PTTL', lane.queue) >= ms - 1000 then
    count(lane.tokens, tokens, ms)
    count(lane.bytes, bytes, ms)
    return
  end
  redis.call('PEXPIRE', lane.queue, ms)
  for _, counted in ipairs({{lane.tokens, tokens}, {lane.bytes, bytes}}) do
    if type(redis.pcall('INCRBY', unpack(counted))) == 'table' then redis.call('DEL', counted[1]) end
    keep(counted[1], ms)  -- another list of this lane may need it for longer
  end
end

-- The same of a lane that was empty: its counters begin anew.
local function begin(lane, tokens, bytes, ms)
  redis.call('PEXPIRE', lane.queue, ms)
  redis.call('SET', lane.tokens, tokens, 'PX', ms)
  redis.call('SET', lane.bytes, bytes, 'PX', ms)
end

-- A lane has up to eight lists, so that callers take turns. turn:⟨m⟩:<lane> says which of them may hold jobs: the one whose
-- turn it is, then for each list its weight and what it may still take, in millionths of a batch. Where that key is missing,
-- only the first may: nobody's turn costs anything then.
local MILLION, DEEPEST = 1000000, 1000000  -- batches that a list may owe

local function list_key(queue, list) return list == '0' and queue or queue .. ':' .. list end

-- List → {weight, deficit}, with the first one always; and whose turn it is.
local function turns_in(text)
  local lists = {['0'] = {weight = 1, deficit = 0}}
  for list, weight, deficit in text:gmatch(' ([0-7]):([1-9]):(%-?%d+)') do
    lists[list] = {weight = tonumber(weight), deficit = math.max(-DEEPEST, math.min(deficit / MILLION, 1))}
  end
  return lists, text:match('^[0-7]') or '0'
end

local function turns_text(lists, next_list)
  local words = {next_list}
  for number = 0, LISTS - 1 do
    local list = lists[tostring(number)]
    if list then words[#words + 1] = ('%d:%d:%d'):format(number, list.weight, math.floor(list.deficit * MILLION)) end
  end
  return table.concat(words, ' ')
end

-- This list of a lane holds jobs, at this weight; `ms`: for how long at least.
local function give_turn(turn, list, weight, ms)
  local text = redis.pcall('GET', turn)
  if type(text) ~= 'string' then  -- there is none, or it is no string
    if list == '0' then return end
    text = '0'
  end
  local lists, next_list = turns_in(text)
  lists[list] = {weight = weight, deficit = lists[list] and lists[list].deficit or 0}
  local now_text = turns_text(lists, next_list)
  if now_text ~= text then redis.call('SET', turn, now_text, 'KEEPTTL') end
  keep(turn, ms)
end

-- Puts a token into a list that is to hold one at most, so that a busy hour leaves no heap of them behind.
local function ring(list, ms)
  local tokens = redis.pcall('RPUSH', list, '1')
  if type(tokens) == 'table' then  -- no list
    redis.call('DEL', list)
    redis.call('RPUSH', list, '1')
  elseif tokens > 1 then
    redis.call('LTRIM', list, 0, 0)
  end
  redis.call('PEXPIRE', list, ms)
end

local function wake(key) ring(key, MARGIN) end

-- held:⟨m⟩ counts what the batchers of a model have under way: a field '<jobs> <tokens>' for each lease, and the sums of all.
-- One read tells them however many leases there are, and nothing is taken off twice.
local function add_held(held, jobs, tokens)
  local sum = redis.pcall('HINCRBY', held, '#jobs', jobs)
  if type(sum) == 'table' or sum <= 0 or type(redis.pcall('HINCRBY', held, '#tokens', tokens)) == 'table' then
    redis.call('DEL', held)  -- nothing is under way, or it begins anew
    return false
  end
  return true
end

-- `is_only`: no other lease is held, so that its sums are those of this one.
local function hold(held, batch, jobs, tokens, ms, is_only)
  local fields = {batch, jobs .. ' ' .. tokens}
  if is_only then fields = {batch, fields[2], '#jobs', jobs, '#tokens', tokens} end
  if type(redis.pcall('HSET', held, unpack(fields))) == 'table' then
    redis.call('DEL', held)  -- no hash
    redis.call('HSET', held, unpack(fields))
  end
  if not is_only then add_held(held, jobs, tokens) end
  keep(held, ms, is_only)
end

-- Takes `count` jobs (nil: all) off what this lease is said to hold; their tokens are taken to be as many as the others'.
local function let_go(held, batch, count)
  local entry = redis.pcall('HGET', held, batch)
  local jobs, tokens = (type(entry) == 'string' and entry or ''):match('^(%d+) (%d+)$')
  if not jobs then return end
  local left = math.max(0, jobs - (count or jobs))
  local tokens_left = left > 0 and math.floor(tokens * left / jobs) or 0
  if not add_held(held, left - jobs, tokens_left - tokens) then return end
  if left > 0 then
    redis.call('HSET', held, batch, left .. ' ' .. tokens_left)
  else
    redis.call('HDEL', held, batch)
  end
end

-- The jobs that a lease holds, in the order in which they were claimed.
local function leased(key)
  local order = redis.pcall('HGET', key, 'order')
  local jobs = {}
  if type(order) ~= 'string' then return jobs end  -- no lease, or a key that is none
  for at = 1, #order - #order % ID_WIDTH, ID_WIDTH do
    local job = redis.call('HGET', key, order:sub(at, at + ID_WIDTH - 1))
    if job then jobs[#jobs + 1] = job end
  end
  return jobs
end

-- Of which of these jobs nobody waits for the outcome any more: place → true.
local function cancelled_among(marks, ids)
  local cancelled = {}
  if #ids == 0 or redis.call('EXISTS', marks) == 0 then return cancelled end
  local names, place = {}, {}
  for _, id in ipairs(ids) do
    for _, width in ipairs(WIDTHS) do
      local name = id:sub(1, width)
      if not place[name] then
        names[#names + 1] = name
        place[name] = #names
      end
    end
  end
  local scores = {}
  for at = 1, #names, 1000 do
    local found = redis.pcall('ZMSCORE', marks, unpack(names, at, math.min(at + 999, #names)))
    if found.err then return cancelled end  -- a key that is no zset
    for i, score in ipairs(found) do scores[at + i - 1] = score end
  end
  for i, id in ipairs(ids) do
    for _, width in ipairs(WIDTHS) do
      if scores[place[id:sub(1, width)]] then cancelled[i] = true end
    end
  end
  return cancelled
end

-- Puts jobs at the head of their lists, order kept; `lanes` has these under 'i' and 'b'.
local function to_head(jobs, lanes, now)
  for at = #jobs, 1, -1 do
    local job = jobs[at]
    local lane, left = lanes[lane_of(job)] or lanes.i, math.max(deadline_of(job) - now, 0) + MARGIN
    local list = list_of(job):match('[0-7]') or '0'
    if list ~= '0' and type(redis.pcall('LLEN', list_key(lane.queue, list))) == 'table' then list = '0' end  -- no list
    local queue = list_key(lane.queue, list)
    redis.call('LPUSH', queue, job)
    grow({queue = queue, tokens = lane.tokens, bytes = lane.bytes}, cost_of(job), bytes_of(job), left)
    give_turn(lane.turn, list, weight_of(job), left)
  end
end

-- Gives a front end one frame and rings its bell. Where its list is none, nobody could read it: the others' frames matter.
local function publish(reply, bell, frame)
  if type(redis.pcall('RPUSH', reply, frame)) == 'table' then return end
  redis.call('PEXPIRE', reply, FRAME_TTL)
  ring(bell, FRAME_TTL)
end

-- Predictions. What one counts for stands in predictions:room as '<id>:<bytes>', for a time to live frees no counter.
local function predicts(state) return state == 'queued' or state == 'running' end

-- Somebody is to be told of a prediction that has ended, if its hash has the field `hook`: the tries so far.
local function tell(hooks, hash, id, now, life)
  if not redis.call('HGET', hash, 'hook') then return end
  redis.call('ZADD', hooks, now, id)
  keep(hooks, life + MARGIN)
end

local function give_room(room, sum, id, bytes)
  if redis.call('ZREM', room, id .. ':' .. bytes) == 1 then count(sum, -bytes, 0) end
  if redis.call('EXISTS', room) == 0 then redis.call('DEL', sum) end  -- nothing is kept: the sum begins anew
end

-- Takes off what is over by now, so many at most.
local function trim_room(room, sum, now, most)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', room, '-inf', now, 'LIMIT', 0, most)) do
    give_room(room, sum, member:match('^(.*):(%d+)$'))
  end
end

local function take_room(room, sum, id, bytes, now, life)
  if redis.call('ZADD', room, now + life, id .. ':' .. bytes) == 1 then count(sum, bytes, life + MARGIN) end
  keep(room, life + MARGIN)
  keep(sum, life + MARGIN)
end
