-- Requests of a file in its order, at random moments of a given rate; run by wrk with one connection per thread.
--
-- With one connection per thread, an answer belongs to the request its thread sent last, so latencies can be told apart
-- by the kind of request. Arguments: file of requests, file for the results, requests per second of all threads
-- together (0: each connection sends as soon as it has its answer), number of threads.
--
-- The file of requests: the API key in the first line, then `kind <tab> path <tab> entity tag or nothing`.
-- The results: `kind <tab> status <tab> microseconds` for each answer, at last wrk's own summary.

local ffi = require("ffi")
ffi.cdef([[
typedef struct { long seconds; long nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *now);
]])
local MONOTONIC = ffi.os == "OSX" and 6 or 1
local moment = ffi.new("bench_time")

local function clock()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

local requests, kinds, position = {}, {}, 0
local gap, due, late, started

function init(arguments)
  local lines = io.lines(arguments[1])
  local key = lines()
  for line in lines do
    local kind, path, tag = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = { ["Authorization"] = "Bearer " .. key }
    if tag ~= "" then
      headers["If-None-Match"] = tag
    end
    table.insert(kinds, kind)
    table.insert(requests, wrk.format("GET", path, headers))
  end
  output = arguments[2]
  local rate, count = tonumber(arguments[3]), tonumber(arguments[4])
  position = math.floor(#requests * number / count)
  math.randomseed(1000 + number)
  samples = {}
  if rate > 0 then
    gap = count / rate
    delay = wait
  end
end

-- Milliseconds until the next request. Moments are planned ahead at exponential distances, as of many callers who know
-- nothing of each other; a connection that still waits for an answer at its moment is late and asks at once.
function wait()
  local now = clock()
  due = (due or now) - gap * math.log(1 - math.random())
  late = due < now
  return late and 0 or math.floor((due - now) * 1000 + 0.5)
end

function request()
  position = position % #requests + 1
  -- What a late request waited for its turn is part of what its caller waits.
  started = late and due or clock()
  return requests[position]
end

function response(status)
  local microseconds = math.floor((clock() - started) * 1e6 + 0.5)
  table.insert(samples, kinds[position] .. "\t" .. status .. "\t" .. microseconds)
end

function done(summary)
  local results = assert(io.open(threads[1]:get("output"), "w"))
  for _, thread in ipairs(threads) do
    for _, sample in ipairs(thread:get("samples")) do
      results:write(sample, "\n")
    end
  end
  local errors = summary.errors
  results:write(string.format("summary\t%d\t%d\t%d\t%d\t%d\t%d\n", summary.requests, summary.duration,
    errors.connect, errors.read, errors.write, errors.timeout))
  results:close()
end
