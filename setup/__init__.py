"""What makes a machine ready for the workspace; no part of the package that is built.

`bootstrap.py` sets `.venv` up, `stack_choice.py` decides with which releases, `locks.py` makes
their lists, `stack_root.py` runs the tests in another Debian. All of it parses on Python 3.8 and
needs nothing but the standard library.
"""
