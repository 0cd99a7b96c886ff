"""Small faults put into the code one at a time, to see whether the tests notice: `make mutants`.

The idea is DeMillo, Lipton and Sayward's (1978). Which tests meet a line is found out first, by running them all once
under coverage; a mutant is then held against these alone.
"""
