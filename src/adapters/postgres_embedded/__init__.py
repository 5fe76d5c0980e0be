"""The embedded database: a real PostgreSQL, from the binaries of a wheel, for a machine with no settings.
It owns making the cluster, starting, taking over and stopping the server, and the files beside the folder
(password, log, lock). It does not own roles, tables or migrations: whoever gets the URL makes them.
For Linux and macOS, not for Windows.
"""
