"""A data owner's table: read, checked against the schema, and encoded as bounded integers.

Read `encoding` first: what becomes of a row. A file goes through four steps, one module each:
`csv_table` or `parquet_table` (bytes to columns of text or numbers), `reader` (which columns, whose
rows, how many), `cells` (every cell checked and understood, or refused), `encoding` (integers within
the row bound). `twin` says the same slowly, row by row. `fingerprint` recognises a dataset again, and
`draft` proposes a schema for a file.
"""
