-- Votes, each of a reader who was never there before. Arguments: 16 hexadecimal digits that make this run's readers its own,
-- and over how many articles the votes are spread.

require "figures"

local reactions = { "like", "dislike", "love", "funny", "angry", "sad", "wow" }
local run, articles, sent

function init(args)
  run, articles, sent = args[1], tonumber(args[2]), 0
  math.randomseed(tonumber(run:sub(1, 7), 16))
end

function request(headers)
  sent = sent + 1
  return wrk.format("PUT", nil, headers, string.format(
    '{"article":"news/%d","reaction":"%s","reader":"%s%016x","seq":%.0f}',
    math.random(articles), reactions[sent % 7 + 1], run, sent, os.time() * 1000))
end
