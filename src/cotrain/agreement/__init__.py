"""What the parties sign before anything runs: the agreement, and the schema of its data.

Read `schema` first: which columns a data owner's table has, the public bounds of each, and the
bound on every row. `document` holds the agreement itself.
"""
