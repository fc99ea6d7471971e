-- wrk's script for scripts/bench: POSTs events that differ in @ID@ only, and prints one line of
-- figures that the shell can read. The event (EVENT is its file) is cut into pieces once, so that
-- making a request is one concatenation.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  local file = assert(io.open(os.getenv("EVENT"), "rb"))
  local event = file:read("*a")
  file:close()
  local id = "00000000-0000-4000-8000-000000000000"
  local headers = {
    "POST /webhooks/tradecloud HTTP/1.1",
    "Host: localhost",
    "Authorization: " .. os.getenv("AUTHORIZATION"),
    "Content-Type: application/json",
    os.getenv("CLOSE") == "close" and "Connection: close" or "Connection: keep-alive",
    "Content-Length: " .. #event:gsub("@ID@", id),
  }
  pieces = { table.concat(headers, "\r\n") .. "\r\n\r\n" }
  local rest = 1
  while true do
    local from, to = event:find("@ID@", rest, true)
    if not from then break end
    pieces[#pieces] = pieces[#pieces] .. event:sub(rest, from - 1)
    pieces[#pieces + 1] = ""
    rest = to + 1
  end
  pieces[#pieces] = pieces[#pieces] .. event:sub(rest)
  -- Unique over runs, processes and threads: the second, process and thread, a counter.
  local process = tonumber(os.getenv("PROCESS") or 0)
  start = string.format("%08x-%04x-4000-8000-", os.time() % 2^32, process * 256 + number)
  count = 0
end

function request()
  count = count + 1
  return table.concat(pieces, start .. string.format("%012x", count))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("FIGURES %d %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end

-- For scripts/hostile, which says how the answers are to be counted.
if os.getenv("CLOSE") then
  local all = {}
  local setup_one = setup
  function setup(thread)
    setup_one(thread)
    all[#all + 1] = thread
  end
  taken, again, other = 0, 0, 0
  function response(status)
    if status == 202 then taken = taken + 1 elseif status == 503 then again = again + 1 else other = other + 1 end
  end
  function done(summary, latency)
    local taken, again, other, errors = 0, 0, 0, summary.errors
    for _, thread in ipairs(all) do
      taken, again, other = taken + thread:get("taken"), again + thread:get("again"), other + thread:get("other")
    end
    local seconds = summary.duration / 1000000
    io.write(string.format("ANSWERS %d %d %d %d %d\n", taken / seconds, again / seconds, other,
      errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(99) / 1000))
  end
end
