"""Commands about latency: profile, tables, measure, predict."""
