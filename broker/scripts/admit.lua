#!lua
-- ADMIT: queues whole requests, or refuses them whole; the same sequence gets the same verdicts and queues nothing.
-- Refused by the server itself when memory is spent: that is the one script which must not run then.
--
-- KEYS[1]   admit:<front end>   string: '<sequence> <verdicts>'. TTL
-- KEYS[2…]  five for each model: q interactive (list), q bulk (list), their tokens (strings), wake (list)
-- ARGV[1]   sequence
-- ARGV[2]   the most jobs a lane may hold      ARGV[3]  the most tokens
-- ARGV[4]   what the key of a lease (hash) begins with   ARGV[5]  number of models
-- ARGV[6…]  for each model the key of its leases (zset). These two are only read; among KEYS they would take the right
--           to write
-- then      for each request: index of its model from 0, lane (i|b), ms to its deadline, the most jobs that may be
--           before it ('' for any number), jobs in a full batch, number of jobs, the jobs
-- Returns   the verdicts, joined by commas: '0:<jobs in the lane>' admitted, '1:<jobs in the lane>' the lane is full,
--           '2:<jobs before it>' too late by then, '3:<jobs in the lane>' expired, '4:0' its queue is no list

local sequence = ARGV[1]
local remembered = redis.pcall('GET', KEYS[1])
if type(remembered) == 'string' and remembered:sub(1, #sequence + 1) == sequence .. ' ' then
  return remembered:sub(#sequence + 2)
end

local max_jobs, max_tokens = tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
local verdicts = {}

local function stamped(job, lane, deadline)
  return job:sub(1, 2) .. lane .. job:sub(4, 11) .. string.format('%013d%013d', now, deadline) .. job:sub(38)
end

local function push(queue, lane, first, count, deadline)
  for at = first, first + count - 1, 1000 do  -- unpack fails near 8,000 values
    local jobs = {}
    for i = at, math.min(at + 999, first + count - 1) do jobs[#jobs + 1] = stamped(ARGV[i], lane, deadline) end
    redis.call('RPUSH', queue, unpack(jobs))
  end
end

-- A key of another type counts as empty.
local function size(command, key) return tonumber(redis.pcall(command, key)) or 0 end

-- Jobs in the batches that a model's batchers hold: one or two each, or tens where they run in flight. Asked once a call.
local held_by = {}
local function under_way(leases)
  if held_by[leases] then return held_by[leases] end
  local jobs = 0
  for _, batch in ipairs(redis.pcall('ZRANGE', leases, 0, 255)) do
    local lease = ARGV[4] .. batch
    local marks = 1 + (tonumber(redis.pcall('HEXISTS', lease, 'staged')) or 0)  -- fields that are no jobs
    jobs = jobs + math.max(0, size('HLEN', lease) - marks)
  end
  held_by[leases] = jobs
  return jobs
end

-- Jobs that end before `count` of this lane that come now. Of each batch seven parts are for interactive jobs and one for
-- bulk that has waited (see DRAIN), so a flood in the other lane passes by.
local function ahead_of(base, lane, count, room, leases)
  local interactive, bulk = size('LLEN', KEYS[base]), size('LLEN', KEYS[base + 1])
  if lane == 0 then
    bulk = math.min(bulk, math.floor(interactive / 7))
  elseif interactive > 0 and interactive >= room then  -- and more will come: bulk has its eighth
    interactive = 7 * (bulk + count)
  end
  return interactive + bulk + under_way(leases)
end

local at = 6 + ARGV[5]
while at <= #ARGV do
  local base, leases, lane = 2 + 5 * ARGV[at], ARGV[6 + ARGV[at]], ARGV[at + 1] == 'b' and 1 or 0
  local left, most_ahead, room = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local count, first = tonumber(ARGV[at + 5]), at + 6
  local queue, counter = KEYS[base + lane], KEYS[base + 2 + lane]
  local tokens = 0
  for i = first, first + count - 1 do tokens = tokens + cost_of(ARGV[i]) end

  local waiting = redis.pcall('LLEN', queue)
  local held = tonumber(redis.pcall('GET', counter)) or 0
  local ahead = most_ahead and ahead_of(base, lane, count, room, leases) or 0
  if type(waiting) == 'table' then  -- one model's trouble refuses that model's requests alone
    verdicts[#verdicts + 1] = '4:0'
  elseif left <= 0 then
    verdicts[#verdicts + 1] = '3:' .. waiting
  elseif waiting > 0 and (waiting + count > max_jobs or held + tokens > max_tokens) or count > max_jobs then
    verdicts[#verdicts + 1] = '1:' .. waiting
  elseif ahead > math.max(0, most_ahead or 0) then
    verdicts[#verdicts + 1] = '2:' .. ahead
  else
    push(queue, ARGV[at + 1], first, count, now + left)
    count_tokens(counter, tokens)
    keep(queue, left + MARGIN)
    keep(counter, left + MARGIN)
    if waiting == 0 then wake(KEYS[base + 4]) end
    verdicts[#verdicts + 1] = '0:' .. (waiting + count)
  end
  at = first + count
end

local answer = table.concat(verdicts, ',')
redis.call('SET', KEYS[1], sequence .. ' ' .. answer, 'PX', MARGIN)
return answer
