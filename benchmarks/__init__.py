"""How fast Jitney is: each measurement is `python -m benchmarks NAME`."""
