"""`python -m jitney` is `jitney`."""

from jitney.main import main

main()
