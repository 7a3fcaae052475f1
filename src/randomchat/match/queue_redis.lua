-- One step of the queue. All its keys are in one hash slot, so that Redis does the step as a whole, or not at all.
--
-- KEYS[1]  hash: user -> the record of the ticket that has the user's place, waiting or taken out
-- KEYS[2]  sorted set: user -> when the lease of the place ends, in milliseconds of the nodes' clocks
-- KEYS[3]  sorted set of the places of those who wait, one in each list of a ticket, in alphabetical order:
--          "<list>\n<place>\n<user>", where a smaller <place> has waited for longer
-- ARGV     the step, the time in milliseconds, and what the step needs
local tickets, leases, places = KEYS[1], KEYS[2], KEYS[3]
local now = tonumber(ARGV[2])

local FEW, CANDIDATES = 4, 32 -- looked at first, and at most, in one list
local PLACE = 32              -- characters of a <place>
local LAPSED = 100            -- dropped in one step at most; whoever is left is recognised all the same

-- The ticket of a record: a packed table, with the fields of `_Record`.
local function read(record)
  return record and cmsgpack.unpack(record) or nil
end

local function has_lease(user)
  local ends_at = redis.call('ZSCORE', leases, user)
  return ends_at and tonumber(ends_at) > now
end

-- The ticket that has a user's place, and its record.
local function holder_of(user)
  local record = has_lease(user) and redis.call('HGET', tickets, user)
  return read(record), record
end

-- The ticket of that id, if it has the user's place.
local function held(user, id)
  local holder = holder_of(user)
  return holder and holder.id == id and holder
end

local function place_in(list, ticket)
  return list .. '\n' .. ticket.place .. '\n' .. ticket.user
end

local function places_of(ticket)
  local found = {}
  for list in string.gmatch(ticket.lists, '[^\r]+') do
    table.insert(found, place_in(list, ticket))
  end
  return found
end

-- Whoever waits does so in every list, so that one tells.
local function waits(ticket)
  return redis.call('ZSCORE', places, place_in(string.match(ticket.lists, '^[^\r]+'), ticket))
end

local function take_out(ticket)
  redis.call('ZREM', places, unpack(places_of(ticket)))
end

local function give_up(user)
  local ticket = read(redis.call('HGET', tickets, user))
  if ticket then
    take_out(ticket)
  end
  redis.call('HDEL', tickets, user)
  redis.call('ZREM', leases, user)
end

local function lease(user, lease_ms)
  redis.call('ZADD', leases, now + lease_ms, user)
end

-- Whatever has no lease any more is worth nothing: were nothing renewed, all of it would go.
local function keep(lease_ms)
  for _, key in ipairs(KEYS) do
    redis.call('PEXPIRE', key, 2 * lease_ms)
  end
end

local function drop_lapsed()
  for _, user in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, LAPSED)) do
    give_up(user)
  end
end

-- What to look for in others' interests.
local function needles_of(ticket)
  local needles = {}
  for interest in string.gmatch(ticket.interests, '[^\n]+') do
    table.insert(needles, '\n' .. interest .. '\n')
  end
  return needles
end

local function common_interests(needles, ticket)
  local count = 0
  for _, needle in ipairs(needles) do
    if string.find(ticket.interests, needle, 1, true) then
      count = count + 1
    end
  end
  return count
end

local function excludes(one, other)
  return string.find(one.excluded, ' ' .. other.user .. ' ', 1, true)
end

local function may_meet(one, other)
  return one.user ~= other.user and not excludes(one, other) and not excludes(other, one)
end

-- The users of some of those who wait in a list, longest wait first, after the first `skipped`.
local function users_in(list, skipped, count)
  local first, last = '[' .. list .. '\n', '[' .. list .. '\n\255'
  local users = redis.call('ZRANGEBYLEX', places, first, last, 'LIMIT', skipped, count)
  for i, place in ipairs(users) do
    users[i] = string.sub(place, #list + PLACE + 3)
  end
  return users
end

-- Fills `verdicts` with what `look` says of the ticket of each user, once.
local function judge(users, verdicts, look)
  local new = {}
  for _, user in ipairs(users) do
    if verdicts[user] == nil then
      table.insert(new, user)
    end
  end
  local records = #new > 0 and redis.call('HMGET', tickets, unpack(new))
  for i, user in ipairs(new) do
    verdicts[user] = records[i] ~= false and look(read(records[i]))
  end
end

-- Goes through the candidates of a list, until there is one behind whom nobody better can be.
local function scan(list, verdicts, look)
  for _, batch in ipairs({ { 0, FEW }, { FEW, CANDIDATES - FEW } }) do
    local users = users_in(list, batch[1], batch[2])
    judge(users, verdicts, look)
    for _, user in ipairs(users) do
      if verdicts[user] then
        return
      end
    end
    if #users < batch[2] then
      return
    end
  end
end

-- Of the tickets that wait in `lists`: the most interests in common, then the longest wait.
local function best_partner(finder, common_ms, language_ms, lists)
  local best, most = nil, -1
  local needles = needles_of(finder)
  local function look(ticket)
    local common = common_interests(needles, ticket)
    local wants_common = ticket.interests ~= '' and now < ticket.since + common_ms
    local wants_language = ticket.language ~= '' and now < ticket.since + language_ms
    if (wants_common and common == 0) or (wants_language and ticket.language ~= finder.language) then
      return true -- those behind it want the same, or are in another list too
    end
    if not may_meet(finder, ticket) then
      return false
    end
    if common > most or (common == most and ticket.place < best.place) then
      if not has_lease(ticket.user) then
        return false
      end
      best, most = ticket, common
    end
    return common == 0 or common == #needles -- those behind it have waited less, and have no more in common in this list
  end
  local verdicts = {}
  for _, list in ipairs(lists) do
    scan(list, verdicts, look)
  end
  return best
end

local steps = {}

-- The record of the ticket of another node that has the place already, or nothing.
function steps.enter(lease_ms, record)
  drop_lapsed()
  local ticket = read(record)
  local holder, held_record = holder_of(ticket.user)
  if holder and holder.node ~= ticket.node then
    return held_record
  end
  give_up(ticket.user)
  redis.call('HSET', tickets, ticket.user, record)
  lease(ticket.user, lease_ms)
  for _, place in ipairs(places_of(ticket)) do
    redis.call('ZADD', places, 0, place)
  end
  keep(lease_ms)
  return false
end

-- The record of the partner, or nothing. The lists are those of the people whom the finder accepts.
function steps.take_partner(record, common_ms, language_ms, ...)
  drop_lapsed()
  local finder = read(record)
  local waiting = held(finder.user, finder.id)
  if not waiting or not waits(waiting) then
    return false
  end
  local partner = best_partner(finder, tonumber(common_ms), tonumber(language_ms), { ... })
  if not partner then
    return false
  end
  take_out(waiting)
  take_out(partner)
  return redis.call('HGET', tickets, partner.user)
end

-- Of pairs of user and ticket id: the ids of those that wait.
function steps.renew(lease_ms, ...)
  local pairs_given, waiting = { ... }, {}
  for i = 1, #pairs_given, 2 do
    local ticket = held(pairs_given[i], pairs_given[i + 1])
    if ticket then
      lease(ticket.user, lease_ms)
      if waits(ticket) then
        table.insert(waiting, ticket.id)
      end
    end
  end
  keep(lease_ms)
  return waiting
end

function steps.leave(...)
  local pairs_given = { ... }
  for i = 1, #pairs_given, 2 do
    if held(pairs_given[i], pairs_given[i + 1]) then
      give_up(pairs_given[i])
    end
  end
end

return steps[ARGV[1]](unpack(ARGV, 3))
