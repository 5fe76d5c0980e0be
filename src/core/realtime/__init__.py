"""The doors to the event log: what happened in a company, complete and in order, for whoever may hear of it."""
