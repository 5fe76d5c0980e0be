"""Who may knock: REST and the command line; they translate in, call one use case, and translate out."""
