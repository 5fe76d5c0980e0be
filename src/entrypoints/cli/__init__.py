"""The command `flowtrack`."""
