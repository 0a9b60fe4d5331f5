"""The load tests' harness: starts proxies side by side, gives each its turns, and compares what they cost."""
