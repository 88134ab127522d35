"""What this version does not prove, in the words that every report and every audit shows.

Change this list only together with the code that makes a line untrue.
"""

NOT_CHECKED = (
    "that an update is the agreed training step on the committed rows: there is no proof of it yet (recorded)",
    "that the noise was drawn from the agreed distribution: an owner could add less, or none (recorded)",
    "that the committed rows satisfy the schema, or are real, or that their owner can open the commitment (recorded)",
    "that each single ciphertext encrypts what its owner committed to: only their sum is checked",
    "that the coordinator logged everything it was sent: it can delay or drop a message, its author notices",
    "that an identity belongs to the organisation whose name stands beside it in the agreement",
    "the quality figures of a report: they are computed outside the protocol, on test rows in the clear",
)
