#!lua flags=allow-oom
-- DRAIN: claims the oldest live jobs that fit, under a lease whose name the batcher chose before it asked.
--
-- KEYS[1] q interactive (list)   KEYS[2] q bulk (list)   KEYS[3] KEYS[4] their tokens (strings)
-- KEYS[5] suspect (list)         KEYS[6] wake (list)
-- KEYS[7] leases (zset: batch → expiry in ms)
-- KEYS[8] lease:<batch> (hash: job id → job; 'order' → ids as claimed, and behind them how often it was asked for again,
--         a digit; 'staged' while the batch has not started)
-- KEYS[9] cancel:⟨m⟩ (zset: see CANCEL)   KEYS[10] held:⟨m⟩ (hash)
-- KEYS[11] KEYS[12] the bytes of the two lanes   KEYS[13] KEYS[14] their turns (strings)
-- ARGV[1] batch   ARGV[2] lease in ms   ARGV[3] most jobs   ARGV[4] most tokens
-- ARGV[5] 1 = staged   ARGV[6] 1 = suspects first   ARGV[7] ms that the head of the bulk lane is passed over
-- ARGV[8] most bytes of the jobs, with those bodies that lie apart; a larger one travels alone
-- Returns {now, jobs still waiting, suspects among them, why the claim ended, job, job, …}

local SLICE, SMALL = 16, 65536  -- jobs, bytes
local batch, lease_ms = ARGV[1], tonumber(ARGV[2])
local max_jobs, max_tokens, max_bytes = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[8])
local now = now_ms()
local jobs, ids, seen = {}, {}, {}
local tokens, bytes, looked, last_deadline, closed_by = 0, 0, 0, 0, 'empty'

local interactive, bulk, suspects = touch(KEYS[1], KEYS[2], KEYS[5])
local leases = named('ZCARD', KEYS[7])
local INTERACTIVE = {queue = KEYS[1], tokens = KEYS[3], bytes = KEYS[11], turn = KEYS[13], left = interactive}
local BULK = {queue = KEYS[2], tokens = KEYS[4], bytes = KEYS[12], turn = KEYS[14], left = bulk}
local SUSPECTS = {queue = KEYS[5], left = suspects}

local turns = redis.call('MGET', KEYS[13], KEYS[14])
if turns[1] or turns[2] then
  -- The lists of a lane, with what they hold, where more than the first may.
  local function read_turns(lane, text)
    lane.lists, lane.next_list = turns_in(text)
    for number, list in pairs(lane.lists) do
      list.number, list.queue = number, list_key(lane.queue, number)
      list.left = number == '0' and lane.left or touch(list.queue)
    end
    lane.left = 0
    for _, list in pairs(lane.lists) do lane.left = lane.left + list.left end
  end

  for i, lane in ipairs({INTERACTIVE, BULK}) do
    if turns[i] then read_turns(lane, turns[i]) end
  end
end

local function ids_of(head)
  local found = {}
  for i, job in ipairs(head) do found[i] = id_of(job) end
  return found
end

local function is_live(job, id, deadline, is_cancelled)
  return #job >= HEADER and deadline > now and not is_cancelled and not seen[id]
end

local function claim(job, id, deadline, cost, size)
  seen[id] = true
  jobs[#jobs + 1], ids[#ids + 1] = job, id
  tokens, bytes, last_deadline = tokens + cost, bytes + size, math.max(last_deadline, deadline)
end

-- Jobs are looked at a few at a time, until they are seen to be small: not megabytes for one that fits.
local function is_small(head)
  local size = 0
  for _, job in ipairs(head) do size = size + #job end
  return size < SMALL
end

-- Takes from the head of a lane, or of the suspects, while `fits` says so; returns the tokens and bytes that left it. `most`
-- bounds the claim, `looks` the work: a heap of dead jobs must not hold the server up. A list that it empties is left as it
-- is: whoever calls it deletes that, with what belongs to it.
local function take(lane, fits, most, looks)
  local gone, gone_bytes, at_once = 0, 0, SLICE
  while lane.left > 0 and #jobs < most and looked < looks do
    local head = redis.call('LRANGE', lane.queue, 0, math.min(most - #jobs, at_once) - 1)
    at_once = is_small(head) and 4 * at_once or SLICE
    local head_ids, used, stop = ids_of(head), 0, false
    local cancelled = cancelled_among(KEYS[9], head_ids)
    for i, job in ipairs(head) do
      local id, deadline, cost, size = head_ids[i], deadline_of(job), cost_of(job), bytes_of(job)
      if is_live(job, id, deadline, cancelled[i]) then
        if not fits(cost, size, job) then stop = true break end
        claim(job, id, deadline, cost, size)
      end
      used = used + 1
      gone, gone_bytes = gone + cost, gone_bytes + size
    end
    looked, lane.left = looked + used, lane.left - used
    if used > 0 and lane.left > 0 then redis.call('LTRIM', lane.queue, used, -1) end
    if stop then break end
  end
  return gone, gone_bytes
end

local function fits_tokens(cost, size)
  if #jobs == 0 then return true end
  if tokens + cost > max_tokens then closed_by = 'tokens' end
  if bytes + size > max_bytes then closed_by = 'bytes' end
  return closed_by == 'empty'
end

-- Its first job always fits: one that is larger than an eighth would wait for ever.
local function fits_share(cost, size)
  return #jobs == 0 or tokens + cost <= max_tokens / BULK_SHARE and bytes + size <= max_bytes / BULK_SHARE
end

-- Jobs of a crashed batch run once more together; from the second crash on, each alone.
local function fits_suspect(cost, size, job)
  if #jobs == 0 then return true end
  return attempts_of(jobs[1]) < 2 and attempts_of(job) < 2 and fits_tokens(cost, size)
end

local function take_suspects()
  take(SUSPECTS, fits_suspect, max_jobs, 4 * max_jobs)
  if #jobs > 0 then closed_by = 'suspects' end
  if suspects > 0 and SUSPECTS.left == 0 then redis.call('DEL', SUSPECTS.queue) end
end

-- Made only where lists take turns: a server makes all functions of a script anew with each call.
local take_in_turns, write_turns
if turns[1] or turns[2] then
  -- Lists that hold jobs, in their order, the one whose turn it is first.
  local function in_turn(lane)
    local waiting, weights = {}, 0
    for number = 0, LISTS - 1 do
      local list = lane.lists[tostring((lane.next_list + number) % LISTS)]
      if list and list.left > 0 then
        waiting[#waiting + 1], weights = list, weights + list.weight
      elseif list then
        list.deficit = 0
      end
    end
    for _, list in ipairs(waiting) do list.quantum = list.weight / weights end
    return waiting
  end

  -- Rounds in which none of these could take anything are not gone through: there may be thousands after a large job.
  local function pass_idle_rounds(lists)
    local rounds = math.huge
    for _, list in ipairs(lists) do rounds = math.min(rounds, math.floor(-list.deficit / list.quantum)) end
    if rounds <= 0 then return end
    for _, list in ipairs(lists) do list.deficit = list.deficit + rounds * list.quantum end
  end

  -- Part of a full batch that a job takes.
  local function share_of(cost, size) return math.max(1 / max_jobs, cost / max_tokens, size / max_bytes) end

  -- Deficit round robin (Shreedhar and Varghese, 1995), in parts of a batch: a list may take while it has something left, and
  -- what it took too much counts against its next turn. So a list of large jobs goes on, and gets no more than the others.
  function take_in_turns(lane, fits, most, looks)
    local lists = in_turn(lane)
    if #lists == 1 then
      lists[1].deficit = 0
      return take(lists[1], fits, most, looks)
    end
    local gone, gone_bytes, at = 0, 0, 1
    while #lists > 0 and #jobs < most and looked < looks do
      local list = lists[at]
      if list.deficit <= 0 then list.deficit = list.deficit + list.quantum end
      if list.deficit > 0 then
        local its, its_bytes = take(list, function(cost, size, job)
          if list.deficit <= 0 or not fits(cost, size, job) then return false end
          list.deficit = list.deficit - share_of(cost, size)
          return true
        end, most, looks)
        gone, gone_bytes, lane.next_list = gone + its, gone_bytes + its_bytes, list.number
        if list.left > 0 and list.deficit > 0 then break end  -- the batch is full: its turn goes on
      else
        pass_idle_rounds(lists)
      end
      if list.left == 0 then
        list.deficit = 0
        table.remove(lists, at)
        at = at > #lists and 1 or at
      else
        at = at % #lists + 1
      end
      if lists[at] then lane.next_list = lists[at].number end
    end
    return gone, gone_bytes
  end

  function write_turns(lane)
    lane.left = 0
    local are_others = false
    for number, list in pairs(lane.lists) do
      lane.left = lane.left + list.left
      if list.left == 0 then
        redis.call('DEL', list.queue)
        lane.lists[number] = nil
      else
        are_others = are_others or number ~= '0'
      end
    end
    if are_others then
      redis.call('SET', lane.turn, turns_text(lane.lists, lane.next_list), 'KEEPTTL')
    else
      redis.call('DEL', lane.turn)
      lane.lists = nil
    end
  end
end

local function take_lane(lane, fits, most, looks)
  if lane.left == 0 then return end
  local before = looked
  local gone, gone_bytes = (lane.lists and take_in_turns or take)(lane, fits, most, looks)
  if looked == before then return end
  if lane.lists then write_turns(lane) end
  if lane.left == 0 then
    redis.call('DEL', lane.queue, lane.tokens, lane.bytes)
  else
    count(lane.tokens, -gone, MARGIN)
    count(lane.bytes, -gone_bytes, MARGIN)
  end
end

local function oldest_of(lane)
  local oldest = math.huge
  for _, list in pairs(lane.lists or {lane}) do
    if list.left > 0 then oldest = math.min(oldest, admitted_of(redis.call('LINDEX', list.queue, 0))) end
  end
  return oldest
end

local function bulk_has_waited() return BULK.left > 0 and now - oldest_of(BULK) >= tonumber(ARGV[7]) end

-- Bulk that has waited takes its eighth first, looking at no more than would leave interactive jobs their looks.
local function take_lanes()
  if bulk_has_waited() then
    take_lane(BULK, fits_share, math.max(1, math.floor(max_jobs / BULK_SHARE)), max_jobs)
  end
  take_lane(INTERACTIVE, fits_tokens, max_jobs, 4 * max_jobs)
  if closed_by == 'empty' then take_lane(BULK, fits_tokens, max_jobs, 4 * max_jobs) end
end

local function write_lease()
  local longest, pairs_ = last_deadline - now, {'order', table.concat(ids)}
  for i, job in ipairs(jobs) do pairs_[#pairs_ + 1], pairs_[#pairs_ + 2] = ids[i], job end
  if ARGV[5] == '1' then pairs_[#pairs_ + 1], pairs_[#pairs_ + 2] = 'staged', '1' end
  redis.call('HSET', KEYS[8], unpack(pairs_))
  redis.call('PEXPIRE', KEYS[8], longest + lease_ms + MARGIN)
  redis.call('ZADD', KEYS[7], now + lease_ms, batch)
  local is_only = leases == 0
  keep(KEYS[7], longest + lease_ms + MARGIN, is_only)
  hold(KEYS[10], batch, #jobs, tokens, longest + lease_ms + MARGIN, is_only)
end

-- Whoever only asks does not hold jobs for ever: others get them when the lease ends.
local function extend_for_asking()
  local order = redis.call('HGET', KEYS[8], 'order')
  local ids_end = #order - #order % ID_WIDTH
  local asked = number_in(order:sub(ids_end + 1))
  if asked >= MOST_ASKED then return end
  redis.call('HSET', KEYS[8], 'order', order:sub(1, ids_end) .. (asked + 1))
  redis.call('ZADD', KEYS[7], now + lease_ms, batch)
end

jobs = leased(KEYS[8])
if #jobs > 0 then  -- the last answer was lost on its way
  extend_for_asking()
  return {now, INTERACTIVE.left + BULK.left + suspects, suspects, 'again', unpack(jobs)}
end

-- Never while another batch runs: a poison that kills at once would be taken for one that had not started, and the
-- batch before it, computed and not yet published, would be blamed for it.
local may_suspect = ARGV[5] ~= '1'
if may_suspect and ARGV[6] == '1' then take_suspects() end
if closed_by ~= 'suspects' then
  take_lanes()
  if may_suspect and #jobs == 0 then take_suspects() end
  if #jobs >= max_jobs and closed_by == 'empty' then closed_by = 'size' end
end
if #jobs > 0 then write_lease() end

local left = INTERACTIVE.left + BULK.left + SUSPECTS.left
if left > 0 then wake(KEYS[6]) else redis.call('DEL', KEYS[6]) end
if left + #jobs + leases == 0 then redis.call('DEL', KEYS[9]) end  -- there is nothing to cancel
return {now, left, SUSPECTS.left, closed_by, unpack(jobs)}
