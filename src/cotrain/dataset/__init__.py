"""A data owner's table: read, checked against the schema, encoded as bounded integers, committed.

Read `encoding` first: what becomes of a row. A file goes through four steps, one module each:

- `csv_table` or `parquet_table`: bytes to columns of text or numbers;
- `reader`: the columns that the schema asks for, whose rows, how many;
- `cells`: every cell understood as its column says, or refused;
- `encoding`: integers within the row bound.

`registration` then commits to the encoded rows. `twin` encodes slowly, row by row, to compare with;
`fingerprint` recognises a dataset again; `draft` proposes a schema for a file.
"""
