-- What callers may ask for: ADMIT's part of it. It is put behind what ADMIT uses of common.lua.
-- A policy is {name = …, kind = r(ate)|d(ay)|c(oncurrency), unit = r(equests)|j(obs)|t(okens), quota = …, window = ms, key = …};
-- what is used of it is read once a call, and written at its end.
local DAY, LATE = 86400000, 1000  -- ms; a request under way may end so much after its deadline

-- Made only where a caller is limited: a server makes all functions of a script anew with each call.
local callers_in, refused_by, charge, allowances, note_refusal, write_used
if ARGV[7 + ARGV[6]] ~= '0' then
  -- The callers that are told from ARGV[at] on, and where the arguments go on. Their policies' keys begin at KEYS[key].
  function callers_in(at, key)
    local callers = {}
    for i = 1, tonumber(ARGV[at]) do
      local name, told = ARGV[at + i]:match('^(%S*) (.*)$')
      callers[i] = {name = name}
      for policy, kind, unit, quota, window in told:gmatch('([%w-]+)=(%l)(%l) (%d+) (%d+)') do
        table.insert(callers[i], {name = policy, kind = kind, unit = unit, quota = tonumber(quota), window = tonumber(window),
          key = KEYS[key]})
        key = key + 1
      end
    end
    return callers, at + 1 + #callers
  end

  -- `used` of its quota. A rate drains as a leaky bucket does (GCRA, ITU-T I.371), by the time since it was written. A clock that
  -- goes back drains nothing, and from then on counts anew; one that leaps frees no more than a quota.
  local function use(policy, now)
    if policy.used then return policy.used end
    local used
    if policy.kind == 'c' then
      if type(redis.pcall('ZREMRANGEBYSCORE', policy.key, '-inf', now)) == 'table' then redis.call('DEL', policy.key) end
      used = redis.call('ZCARD', policy.key)
    else
      local spent, since = tostring(redis.pcall('GET', policy.key)):match('^([%d.]+) (%d+)$')
      used, policy.since = tonumber(spent) or 0, tonumber(since) or now
      policy.is_new = policy.since > now
      if policy.kind == 'r' then
        used = math.max(0, used - math.max(0, now - policy.since) * policy.quota / policy.window)
      elseif math.floor(policy.since / DAY) < math.floor(now / DAY) then
        used = 0
      end
    end
    policy.used = used
    return used
  end

  local function amount_in(policy, jobs, tokens)
    if policy.unit == 'r' then return 1 end
    return policy.unit == 'j' and jobs or tokens
  end

  -- ms until a policy allows so much more; 0: it does. More than a whole rate may go when nothing of it is used.
  local function wait_for(policy, amount, now)
    local over = use(policy, now) + amount - policy.quota
    if over <= 0 then return 0 end
    if policy.kind == 'c' then return 1000 end
    if policy.kind == 'd' then return DAY - now % DAY end
    return math.ceil(math.min(over, policy.used) * policy.window / policy.quota)
  end

  -- The place of the policy that does not allow it and in how many ms it will; nothing where all allow it.
  function refused_by(caller, jobs, tokens, now)
    for place, policy in ipairs(caller) do
      local wait = wait_for(policy, amount_in(policy, jobs, tokens), now)
      if wait > 0 then return place, wait end
    end
  end

  function charge(caller, jobs, tokens, request, ends, now)
    for _, policy in ipairs(caller) do
      policy.used, policy.is_new = use(policy, now) + amount_in(policy, jobs, tokens), true
      if policy.kind == 'c' then
        local added = policy.added or {}
        added[#added + 1], added[#added + 2] = ends, request
        policy.added, policy.ms = added, math.max(policy.ms or 0, ends - now)
      end
    end
  end

  local function reset_of(policy, now)
    if policy.kind == 'c' then return 0 end
    if policy.kind == 'd' then return DAY - now % DAY end
    return math.ceil(policy.used * policy.window / policy.quota)
  end

  function allowances(caller, now, place, wait)
    local told = ''
    for at, policy in ipairs(caller) do
      local left = math.max(0, math.floor(policy.quota - use(policy, now)))
      told = ('%s;%d/%d'):format(told, left, at == place and wait or reset_of(policy, now))
    end
    return told
  end

  -- Callers without a key (anonymous@…) are counted together: there is no end of addresses.
  function note_refusal(refused, caller, place)
    local who = caller.name:match('^[^@]*')
    if type(redis.pcall('HINCRBY', refused, who .. ':' .. caller[place].name, 1)) == 'table' then
      redis.call('DEL', refused)
    end
    keep(refused, DAY)
  end

  function write_used(policy, now)
    if policy.added then
      for at = 1, #policy.added, 1000 do
        redis.call('ZADD', policy.key, unpack(policy.added, at, math.min(at + 999, #policy.added)))
      end
      keep(policy.key, policy.ms)
    end
    if not policy.is_new or policy.kind == 'c' then return end
    local ms = policy.kind == 'd' and 2 * DAY or reset_of(policy, now) + MARGIN
    local since = policy.kind == 'd' and math.max(policy.since, now) or now
    redis.call('SET', policy.key, ('%.3f %d'):format(policy.used, since), 'PX', ms)
  end
end
