-- Turns and durations are averaged over the conversations in which something was said: a day's sums are made again, with how
-- many these are.
DELETE FROM metric_rollups;
