"""The server where front ends share answers, as both they and operators know it."""
