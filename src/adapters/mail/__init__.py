"""E-mail: what an address is, and how messages leave: by SMTP, or into files where no server was named."""
