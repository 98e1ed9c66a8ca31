"""The faces: thin shells that show the findings of one engine run to people, hosts and machines.

Importing a face imports none of the hosts (pylint, flake8) nor the engine; each is imported where it is used.
"""
