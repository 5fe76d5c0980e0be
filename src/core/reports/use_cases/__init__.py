"""What is asked of reports, one module a noun."""
