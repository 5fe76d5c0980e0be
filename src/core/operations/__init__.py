"""What the installation's operator, or the clock, does across companies: opening one, helping somebody back in, and
purging what was deleted long ago. It does not own what it works on: accounts are auth's, companies are companies'.
"""
