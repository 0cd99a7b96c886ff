#!lua
-- ADMIT: queues whole requests, or refuses them whole; the same sequence gets the same verdicts and queues nothing.
-- Refused by the server itself when memory is spent: that is the one script which must not run then.
--
-- KEYS[1]   admit:<front end>   string: '<sequence> <verdicts>'. TTL
-- KEYS[2…]  nine for each model: q interactive (list), q bulk (list), their tokens, their bytes, their turns (strings), wake
--           (list). Further lists of a lane are named by its first one: see common.lua
-- then      where callers are limited: refused (hash), then for each policy of each rate:<caller>:<policy> (string) or
--           running:<caller> (zset)
-- ARGV[1]   sequence
-- ARGV[2]   the most jobs a lane may hold      ARGV[3]  the most tokens      ARGV[4]  the most bytes
-- ARGV[5]   what keys of bodies begin with
-- ARGV[6]   number of models
-- ARGV[7…]  for each model the key held:⟨m⟩ (hash). It is only read; among KEYS it would take the right to write
-- then      number of callers that are limited, and for each a text: the caller, then its policies by commas:
--           '<name>=<kind><unit> <quota> <window in ms>'; kinds r(ate), d(ay), c(oncurrency), units r(equests), j(obs), t(okens)
-- then      for each request: words in one text, then its jobs. The words: index of its model from 0, lane (i|b) with its
--           list (0 to 7) and its caller's weight (1 to 9) as they stand in a header, ms to its deadline, the most jobs that
--           may be before it ('' for any number), jobs in a full batch of all batchers, jobs that wake one whenever as many
--           more wait (0: none do), the same three in tokens, number of jobs, place of its caller (0: not limited)
-- Returns   the verdicts, joined by commas: '0:<jobs in the lane>' admitted, '1:<jobs in the lane>' the lane is full,
--           '2:<jobs before it>' too late by then, '2:<jobs before it>:<tokens before it>' by its tokens, '3:<jobs in the
--           lane>' expired, '4:0' its queue is no list, '5:<jobs in the lane>' a body that it refers to is not there: the
--           server had no memory for it, '6:<place of a policy from 0>' that does not allow it. '0' and '6' of a limited
--           caller then tell of each policy ';<what it still allows>/<ms until all is, or enough>'

local sequence = ARGV[1]
local remembered = redis.pcall('GET', KEYS[1])
if type(remembered) == 'string' and remembered:sub(1, #sequence + 1) == sequence .. ' ' then
  return remembered:sub(#sequence + 2)
end

local FIRST = {['0'] = true}  -- the only list, while nobody's turn is told

local max_jobs, max_tokens, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
local stamp_now, verdicts = stamp(now), {}

-- `lane`, `list` and `weight` stand side by side, and so do `admitted` and `deadline`.
local function stamped(job, place, deadline)
  local times = stamp_now .. deadline
  return job:sub(1, LANE - 1) .. place .. job:sub(WEIGHT_END + 1, ADMITTED - 1) .. times .. job:sub(DEADLINE_END + 1)
end

local function push(queue, jobs)
  for at = 1, #jobs, 1000 do  -- unpack fails near 8,000 values
    redis.call('RPUSH', queue, unpack(jobs, at, math.min(at + 999, #jobs)))
  end
end

-- How many jobs a lane has, and each of its lists; false where one is no list.
local function waiting_in(queue, turns)
  local in_list, sum = {}, 0
  for list in pairs(turns or FIRST) do
    local jobs = redis.pcall('LLEN', list_key(queue, list))
    if type(jobs) ~= 'number' then return false, in_list end
    in_list[list], sum = jobs, sum + jobs
  end
  return sum, in_list
end

local function weight_in(lane, list)
  return lane.turns and lane.turns[list] and lane.turns[list].weight or lane.queued[list] and lane.queued[list].weight or 1
end

-- Jobs of this lane that end before the last of so many that come now: those of its list, and of the others as many as
-- turns make go between them all.
local function in_turn(lane, list, weight, jobs, more)
  local own, weights = lane.in_list[list], 0
  for other, count in pairs(lane.in_list) do
    if other ~= list and count > 0 then weights = weights + weight_in(lane, other) end
  end
  return math.min(jobs, own + math.ceil((own + more) * weights / weight))
end

-- What waits for a model by lane (1 interactive, 2 bulk), and what its batchers hold: read once a call, then counted on,
-- so that the work of a call grows with its requests alone. A key of another type counts as empty; a queue is false then.
local known = {}
local function state_of(model)
  if known[model] then return known[model] end
  local base, state = 2 + 9 * model, {jobs = {}, tokens = {}, bytes = {}, lanes = {}}
  local counts = redis.call('MGET', unpack(KEYS, base + 2, base + 7))
  for lane = 1, 2 do
    local queue, turns = KEYS[base + lane - 1], counts[lane + 4] and turns_in(counts[lane + 4])
    local jobs, in_list = waiting_in(queue, turns)
    state.jobs[lane] = jobs
    state.tokens[lane] = jobs ~= 0 and tonumber(counts[lane]) or 0  -- what outlived its queue counts for nothing
    state.bytes[lane] = jobs ~= 0 and tonumber(counts[lane + 2]) or 0
    state.lanes[lane] = {queue = queue, tokens = KEYS[base + lane + 1], bytes = KEYS[base + lane + 3],
      turn = KEYS[base + lane + 5], was_empty = jobs == 0, turns = turns, in_list = in_list, queued = {}}
  end
  local held = redis.pcall('HMGET', ARGV[7 + model], '#jobs', '#tokens')
  state.held_jobs = math.max(0, tonumber(held[1]) or 0)
  state.held_tokens = math.max(0, tonumber(held[2]) or 0)
  known[model] = state
  return state
end

-- A list whose turn is not told is looked at when jobs come for it: its turn may be lost, and a script must not fail for
-- a key of another type after it has queued others.
local function look_at(state, lane, list)
  local queues = state.lanes[lane]
  if queues.in_list[list] or not state.jobs[lane] then return end
  local jobs = redis.pcall('LLEN', list_key(queues.queue, list))
  if type(jobs) ~= 'number' then
    state.jobs[lane] = false
    return
  end
  queues.in_list[list], queues.was_empty = jobs, queues.was_empty and jobs == 0
  state.jobs[lane] = state.jobs[lane] + jobs
end

-- The same of both lanes, or of their tokens, where this one's are `share` of what it has.
local function before_it(waiting, lane, share)
  local found = {waiting[1], waiting[2]}
  if share < 1 then found[lane] = math.ceil(waiting[lane] * share) end
  return found
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

local refused = 2 + 9 * ARGV[6]  -- the key behind those of the models
local callers, at = {}, 8 + ARGV[6]
if callers_in then callers, at = callers_in(7 + ARGV[6], refused + 1) end

while at <= #ARGV do
  local model, letter, list, weight, ms, most_jobs, room_jobs, batch_jobs, most_tokens, room_tokens, batch_tokens, jobs,
    asks = ARGV[at]:match('^(%d+) (%l)([0-7])([1-9]) (%d+) (%-?%d*) (%d+) (%d+) (%-?%d*) (%d+) (%d+) (%d+) (%d+)$')
  local base, lane, state = 2 + 9 * model, letter == 'b' and 2 or 1, state_of(tonumber(model))
  local left, count, first = tonumber(ms), tonumber(jobs), at + 1
  most_jobs, room_jobs, batch_jobs = tonumber(most_jobs), tonumber(room_jobs), tonumber(batch_jobs)
  most_tokens, room_tokens, batch_tokens = tonumber(most_tokens), tonumber(room_tokens), tonumber(batch_tokens)
  local tokens, bytes, refers = 0, 0, false
  for i = first, first + count - 1 do
    local job = ARGV[i]
    tokens, bytes, refers = tokens + cost_of(job), bytes + bytes_of(job), refers or lies_apart(job)
  end

  look_at(state, lane, list)
  local waiting, waiting_tokens, waiting_bytes = state.jobs[lane], state.tokens[lane], state.bytes[lane]
  local queues, share, part, caller = state.lanes[lane], 1, 1, callers[tonumber(asks)]
  local own = queues.in_list[list] or 0
  if waiting and own < waiting then share = in_turn(queues, list, tonumber(weight), waiting, count) / waiting end
  if own > 0 and (list ~= '0' or caller) then part = MOST_OF_A_LANE end
  local has_room = count <= max_jobs and (waiting == 0 or waiting and waiting + count <= max_jobs * part
    and waiting_tokens + tokens <= max_tokens * part and waiting_bytes + bytes <= max_bytes * part)
  local jobs_ahead = ahead_of(before_it(state.jobs, lane, share), lane, count, room_jobs, state.held_jobs)
  local tokens_ahead = ahead_of(before_it(state.tokens, lane, share), lane, tokens, room_tokens, state.held_tokens)
  local is_late = most_jobs and jobs_ahead > math.max(0, most_jobs)
  local is_late_by_tokens = most_tokens and jobs_ahead > 0 and tokens_ahead > math.max(0, most_tokens)
  local policy, wait
  if caller then policy, wait = refused_by(caller, count, tokens, now) end
  if not waiting then  -- what is wrong with one model refuses that model's requests alone
    verdicts[#verdicts + 1] = '4:0'
  elseif left <= 0 then
    verdicts[#verdicts + 1] = '3:' .. waiting
  elseif policy then
    note_refusal(KEYS[refused], caller, policy)
    verdicts[#verdicts + 1] = '6:' .. policy - 1 .. allowances(caller, now, policy, wait)
  elseif not has_room then
    verdicts[#verdicts + 1] = '1:' .. waiting
  elseif is_late then
    verdicts[#verdicts + 1] = '2:' .. jobs_ahead
  elseif is_late_by_tokens then
    verdicts[#verdicts + 1] = '2:' .. jobs_ahead .. ':' .. tokens_ahead
  elseif refers and not are_there(first, count) then
    verdicts[#verdicts + 1] = '5:' .. waiting
  else
    local queued = queues.queued[list] or {jobs = {}, tokens = 0, bytes = 0, ms = 0}
    queues.queued[list] = queued
    local place, deadline = letter .. list .. weight, stamp(now + left)
    for i = first, first + count - 1 do queued.jobs[#queued.jobs + 1] = stamped(ARGV[i], place, deadline) end
    queued.tokens, queued.bytes, queued.weight = queued.tokens + tokens, queued.bytes + bytes, tonumber(weight)
    queued.ms = math.max(queued.ms, left + MARGIN)
    if waiting == 0 or fills(state.jobs, count, batch_jobs) or fills(state.tokens, tokens, batch_tokens) then
      wake(KEYS[base + 8])
    end
    queues.in_list[list] = (queues.in_list[list] or 0) + count
    state.jobs[lane] = waiting + count
    state.tokens[lane], state.bytes[lane] = waiting_tokens + tokens, waiting_bytes + bytes
    if caller then charge(caller, count, tokens, id_of(ARGV[first]):sub(1, REQUEST), now + left + LATE, now) end
    verdicts[#verdicts + 1] = '0:' .. (waiting + count) .. (caller and allowances(caller, now) or '')
  end
  at = first + count
end

local function enqueue(lane, list, queued)
  local keys = {queue = list_key(lane.queue, list), tokens = lane.tokens, bytes = lane.bytes}
  push(keys.queue, queued.jobs)
  local has = lane.was_empty and begin or grow
  has(keys, queued.tokens, queued.bytes, queued.ms)
  lane.was_empty = false
  if list ~= '0' then give_turn(lane.turn, list, queued.weight, queued.ms) end
end

for _, state in pairs(known) do
  for _, lane in ipairs(state.lanes) do
    for list, queued in pairs(lane.queued) do enqueue(lane, list, queued) end
  end
end
for _, caller in ipairs(callers) do
  for _, policy in ipairs(caller) do write_used(policy, now) end
end
local answer = table.concat(verdicts, ',')
redis.call('SET', KEYS[1], sequence .. ' ' .. answer, 'PX', MARGIN)
return answer
