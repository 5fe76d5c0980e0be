"""The audit: who did what, from where, through which key, and the proof that nobody altered the record. Facts and use
cases of all features say what is noted; here it is read, exported, chained, verified and erased.
"""
