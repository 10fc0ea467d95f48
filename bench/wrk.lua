-- SPDX-License-Identifier: MIT
-- wrk: what to ask for, and the figures as one line of JSON at the end.
--
--   wrk ... -s wrk.lua URL -- DEPTH [FILE]
--
-- DEPTH requests leave in one write. FILE holds one path a line, asked for in turn. With depth 1 and
-- no file there is no request(), and wrk sends its own without coming back to Lua.

local requests = {}

local function read_paths(name)
   local paths = {}
   for line in io.lines(name) do
      paths[#paths + 1] = line
   end
   return paths
end

function init(arguments)
   local depth = tonumber(arguments[1])
   local paths = arguments[2] and read_paths(arguments[2]) or {}

   if depth == 1 and #paths == 0 then
      return
   end
   if #paths == 0 then
      paths[1] = wrk.path
   end
   -- Built once; wrk counts what is in a string by parsing the first, so all have the same depth.
   for index, path in ipairs(paths) do
      requests[index] = string.rep(wrk.format("GET", path), depth)
   end
   local index = 0
   request = function()
      index = index % #requests + 1
      return requests[index]
   end
end

function done(summary, latency, unused)
   local errors = summary.errors
   io.write(string.format('{"requests": %d, "bytes": %d, "duration_us": %d, '
      .. '"p50_us": %d, "p99_us": %d, "p999_us": %d, "max_us": %d, '
      .. '"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
      summary.requests, summary.bytes, summary.duration,
      latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
      errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
