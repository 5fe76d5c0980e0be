"""What is done with webhooks: setting them up, looking at what was sent, and sending it."""
