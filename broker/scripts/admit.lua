#!lua
-- ADMIT: queues whole requests, or refuses them whole; the same sequence gets the same verdicts and queues nothing.
-- Refused by the server itself when memory is spent: that is the one script which must not run then.
--
-- KEYS[1]   admit:<front end>   string: '<sequence> <verdicts>'. TTL
-- KEYS[2…]  seven for each model: q interactive (list), q bulk (list), their tokens, their bytes (strings), wake (list)
-- ARGV[1]   sequence
-- ARGV[2]   the most jobs a lane may hold      ARGV[3]  the most tokens      ARGV[4]  the most bytes
-- ARGV[5]   what keys of bodies begin with
-- ARGV[6]   number of models
-- ARGV[7…]  for each model the key held:⟨m⟩ (hash). It is only read; among KEYS it would take the right to write
-- then      for each request: words in one text, then its jobs. The words: index of its model from 0, lane (i|b), ms to its
--           deadline, the most jobs that may be before it ('' for any number), jobs in a full batch of all batchers, jobs
--           that wake one whenever as many more wait (0: none do), the same three in tokens, number of jobs
-- Returns   the verdicts, joined by commas: '0:<jobs in the lane>' admitted, '1:<jobs in the lane>' the lane is full,
--           '2:<jobs before it>' too late by then, '2:<jobs before it>:<tokens before it>' by its tokens, '3:<jobs in the
--           lane>' expired, '4:0' its queue is no list, '5:<jobs in the lane>' a body that it refers to is not there: the
--           server had no memory for it

local sequence = ARGV[1]
local remembered = redis.pcall('GET', KEYS[1])
if type(remembered) == 'string' and remembered:sub(1, #sequence + 1) == sequence .. ' ' then
  return remembered:sub(#sequence + 2)
end

local max_jobs, max_tokens, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
local stamp_now, verdicts = stamp(now), {}

local function stamped(job, lane, deadline)  -- `admitted` and `deadline` stand side by side
  local times = stamp_now .. deadline
  return job:sub(1, LANE - 1) .. lane .. job:sub(LANE_END + 1, ADMITTED - 1) .. times .. job:sub(DEADLINE_END + 1)
end

local function push(queue, jobs)
  for at = 1, #jobs, 1000 do  -- unpack fails near 8,000 values
    redis.call('RPUSH', queue, unpack(jobs, at, math.min(at + 999, #jobs)))
  end
end

-- What waits for a model by lane (1 interactive, 2 bulk), and what its batchers hold: read once a call, then counted on,
-- so that the work of a call grows with its requests alone. A key of another type counts as empty; a queue is false then.
local known = {}
local function state_of(model)
  if known[model] then return known[model] end
  local base, state = 2 + 7 * model, {jobs = {}, tokens = {}, bytes = {}, lanes = {}}
  local counts = redis.call('MGET', unpack(KEYS, base + 2, base + 5))
  for lane = 1, 2 do
    local jobs = redis.pcall('LLEN', KEYS[base + lane - 1])
    state.jobs[lane] = type(jobs) == 'number' and jobs
    state.tokens[lane] = jobs ~= 0 and tonumber(counts[lane]) or 0  -- what outlived its queue counts for nothing
    state.bytes[lane] = jobs ~= 0 and tonumber(counts[lane + 2]) or 0
    local keys = {queue = KEYS[base + lane - 1], tokens = KEYS[base + lane + 1], bytes = KEYS[base + lane + 3]}
    state.lanes[lane] = {keys = keys, was_empty = jobs == 0, jobs = {}, tokens = 0, bytes = 0, ms = 0}  -- it queues these
  end
  local held = redis.pcall('HMGET', ARGV[7 + model], '#jobs', '#tokens')
  state.held_jobs = math.max(0, tonumber(held[1]) or 0)
  state.held_tokens = math.max(0, tonumber(held[2]) or 0)
  known[model] = state
  return state
end

-- Jobs, or tokens, that end before `count` of this lane that come now. Of each batch seven parts are for interactive jobs
-- and one for bulk that has waited (see DRAIN), so a flood in the other lane passes by.
local function ahead_of(waiting, lane, count, room, held)
  local interactive, bulk = waiting[1] or 0, waiting[2] or 0
  if lane == 1 then
    bulk = math.min(bulk, math.floor(interactive / (BULK_SHARE - 1)))
  elseif interactive > 0 and interactive >= room then  -- and more will come: bulk has its eighth
    interactive = (BULK_SHARE - 1) * (bulk + count)
  end
  return interactive + bulk + held
end

-- Whether another batch's worth waits with `more`: whoever holds a window open, or looks seldom, should hear of it.
local function fills(waiting, more, batch)
  local before = (waiting[1] or 0) + (waiting[2] or 0)
  return batch > 0 and math.floor((before + more) / batch) > math.floor(before / batch)
end

-- Front ends store large bodies in the same trip, before this script; a server whose memory is spent may have refused one.
local function are_there(first, count)
  local bodies = {}
  for i = first, first + count - 1 do
    if lies_apart(ARGV[i]) then bodies[#bodies + 1] = ARGV[5] .. id_of(ARGV[i]) end
  end
  for at = 1, #bodies, 1000 do
    local last = math.min(at + 999, #bodies)
    if redis.call('EXISTS', unpack(bodies, at, last)) < last - at + 1 then return false end
  end
  return true
end

local at = 7 + ARGV[6]
while at <= #ARGV do
  local model, letter, ms, most_jobs, room_jobs, batch_jobs, most_tokens, room_tokens, batch_tokens, jobs =
    ARGV[at]:match('^(%d+) (%l) (%d+) (%-?%d*) (%d+) (%d+) (%-?%d*) (%d+) (%d+) (%d+)$')
  local base, lane, state = 2 + 7 * model, letter == 'b' and 2 or 1, state_of(tonumber(model))
  local left, count, first = tonumber(ms), tonumber(jobs), at + 1
  most_jobs, room_jobs, batch_jobs = tonumber(most_jobs), tonumber(room_jobs), tonumber(batch_jobs)
  most_tokens, room_tokens, batch_tokens = tonumber(most_tokens), tonumber(room_tokens), tonumber(batch_tokens)
  local tokens, bytes, refers = 0, 0, false
  for i = first, first + count - 1 do
    local job = ARGV[i]
    tokens, bytes, refers = tokens + cost_of(job), bytes + bytes_of(job), refers or lies_apart(job)
  end

  local waiting, waiting_tokens, waiting_bytes = state.jobs[lane], state.tokens[lane], state.bytes[lane]
  local has_room = count <= max_jobs and (waiting == 0 or waiting and waiting + count <= max_jobs
    and waiting_tokens + tokens <= max_tokens and waiting_bytes + bytes <= max_bytes)
  local jobs_ahead = ahead_of(state.jobs, lane, count, room_jobs, state.held_jobs)
  local tokens_ahead = ahead_of(state.tokens, lane, tokens, room_tokens, state.held_tokens)
  local is_late = most_jobs and jobs_ahead > math.max(0, most_jobs)
  local is_late_by_tokens = most_tokens and jobs_ahead > 0 and tokens_ahead > math.max(0, most_tokens)
  if not waiting then  -- what is wrong with one model refuses that model's requests alone
    verdicts[#verdicts + 1] = '4:0'
  elseif left <= 0 then
    verdicts[#verdicts + 1] = '3:' .. waiting
  elseif not has_room then
    verdicts[#verdicts + 1] = '1:' .. waiting
  elseif is_late then
    verdicts[#verdicts + 1] = '2:' .. jobs_ahead
  elseif is_late_by_tokens then
    verdicts[#verdicts + 1] = '2:' .. jobs_ahead .. ':' .. tokens_ahead
  elseif refers and not are_there(first, count) then
    verdicts[#verdicts + 1] = '5:' .. waiting
  else
    local queued, deadline = state.lanes[lane], stamp(now + left)
    for i = first, first + count - 1 do queued.jobs[#queued.jobs + 1] = stamped(ARGV[i], letter, deadline) end
    queued.tokens, queued.bytes = queued.tokens + tokens, queued.bytes + bytes
    queued.ms = math.max(queued.ms, left + MARGIN)
    if waiting == 0 or fills(state.jobs, count, batch_jobs) or fills(state.tokens, tokens, batch_tokens) then
      wake(KEYS[base + 6])
    end
    state.jobs[lane] = waiting + count
    state.tokens[lane], state.bytes[lane] = waiting_tokens + tokens, waiting_bytes + bytes
    verdicts[#verdicts + 1] = '0:' .. (waiting + count)
  end
  at = first + count
end

for _, state in pairs(known) do
  for _, queued in ipairs(state.lanes) do
    if queued.ms > 0 then
      push(queued.keys.queue, queued.jobs)
      local has = queued.was_empty and begin or grow
      has(queued.keys, queued.tokens, queued.bytes, queued.ms)
    end
  end
end
local answer = table.concat(verdicts, ',')
redis.call('SET', KEYS[1], sequence .. ' ' .. answer, 'PX', MARGIN)
return answer
