"""A job is work that takes longer than a request may: asked for by somebody, carried out step by step by a worker. Jobs
own how far it is, who carries it out at the moment, and how it ended; not what is done (imports, ...).
"""
