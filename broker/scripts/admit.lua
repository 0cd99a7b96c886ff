#!lua
-- ADMIT: queues whole requests, or refuses them whole; the same sequence gets the same verdicts and queues nothing.
-- Refused by the server itself when memory is spent: that is the one script which must not run then.
--
-- KEYS[1]   admit:<front end>   string: '<sequence> <verdicts>'. TTL
-- KEYS[2…]  five for each model: q interactive (list), q bulk (list), their tokens (strings), wake (list)
-- ARGV[1]   sequence
-- ARGV[2]   the most jobs a lane may hold      ARGV[3]  the most tokens
-- ARGV[4…]  for each request: index of its model from 0, lane (i|b), ms to its deadline, number of jobs, the jobs
-- Returns   the verdicts: '<0 admitted | 1 refused>:<jobs in the lane>' joined by commas

local sequence = ARGV[1]
local remembered = redis.call('GET', KEYS[1])
if remembered and remembered:sub(1, #sequence + 1) == sequence .. ' ' then
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

local at = 4
while at <= #ARGV do
  local base, lane = 2 + 5 * ARGV[at], ARGV[at + 1] == 'b' and 1 or 0
  local left, count = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local queue, counter = KEYS[base + lane], KEYS[base + 2 + lane]
  local tokens = 0
  for i = at + 4, at + 3 + count do tokens = tokens + cost_of(ARGV[i]) end

  local waiting = redis.call('LLEN', queue)
  local held = tonumber(redis.call('GET', counter)) or 0
  if waiting > 0 and (waiting + count > max_jobs or held + tokens > max_tokens) or count > max_jobs then
    verdicts[#verdicts + 1] = '1:' .. waiting
  else
    push(queue, ARGV[at + 1], at + 4, count, now + left)
    redis.call('INCRBY', counter, tokens)
    keep(queue, left + MARGIN)
    keep(counter, left + MARGIN)
    if waiting == 0 then wake(KEYS[base + 4]) end
    verdicts[#verdicts + 1] = '0:' .. (waiting + count)
  end
  at = at + 4 + count
end

local answer = table.concat(verdicts, ',')
redis.call('SET', KEYS[1], sequence .. ' ' .. answer, 'PX', MARGIN)
return answer
