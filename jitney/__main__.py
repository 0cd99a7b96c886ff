"""`python -m jitney` is `jitney`."""

from jitney.main import main

if __name__ == "__main__":
    main()
