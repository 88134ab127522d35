"""Records: the signed, versioned values that travel between the stages; read `record` first, then `kinds`."""
