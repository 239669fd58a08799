"""A year of departures replayed against the real server and the real loop, on a simulated clock."""
