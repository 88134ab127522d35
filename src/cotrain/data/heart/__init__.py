"""Heart disease in four real hospitals: 920 rows, 13 columns, a public schema.

`ATTRIBUTION.md` says whose data it is and how it was changed. `schema.json` holds clinical bounds
that were chosen without regard to these rows.
"""

from pathlib import Path
from typing import Final

TABLE_PATH: Final = Path(__file__).parent / "heart_4_hospitals.csv.gz"
SCHEMA_PATH: Final = Path(__file__).parent / "schema.json"
OWNER_COLUMN: Final = "org"
HOSPITALS: Final = ("Cleveland", "Hungary", "Switzerland", "VA Long Beach")
