"""The soak test: mixed traffic with rude users, failing candidates, reloads and rotation, for a long time."""
