"""Heart disease in four real hospitals: 920 rows, 13 columns, a public schema.

`ATTRIBUTION.md` says whose data it is and how it was changed. `schema.json` holds clinical limits.
Its constants for missing values are textbook numbers, not this table's means: blood pressure 130
mm Hg and cholesterol 240 mg/dl (where guidelines begin to call them high), a maximum heart rate of
150 a minute (somewhat below 220 minus the age), no ST depression, no raised blood sugar.
"""

from pathlib import Path
from typing import Final

TABLE_PATH: Final = Path(__file__).parent / "heart_4_hospitals.csv.gz"
SCHEMA_PATH: Final = Path(__file__).parent / "schema.json"
OWNER_COLUMN: Final = "org"
HOSPITALS: Final = ("Cleveland", "Hungary", "Switzerland", "VA Long Beach")
