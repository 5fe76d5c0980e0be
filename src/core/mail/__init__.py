"""Mail: what people are told outside of the product, and that it arrives once although servers are away. What happened
is read from the companies' logs, from a stored position, and from what waits beside an account; nothing is sent before
it was committed, and no secret stands anywhere before it is sent.
"""
