"""`jitney up`: all of Jitney on one machine."""
