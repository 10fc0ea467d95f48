-- SPDX-License-Identifier: MIT
-- wrk: sixteen GETs of the target in one write, then their sixteen answers.
--
-- The requests are built once; wrk counts them by parsing what request() returns, so its
-- figures are per request. Its latencies are of no use then, see bench/quick.

local DEPTH = 16
local requests

function init(arguments)
   requests = string.rep(wrk.format("GET"), DEPTH)
end

function request()
   return requests
end
