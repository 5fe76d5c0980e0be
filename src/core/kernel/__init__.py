"""Words that every feature shares: callers, kinds of refusal, facts, paging, ranks, text, and the ports of all."""
