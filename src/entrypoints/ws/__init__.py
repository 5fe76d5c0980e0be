"""Sockets: `WS /ws/notifications/{user_id}`."""
