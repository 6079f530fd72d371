"""Files of a virtual scan, as the beamlines write theirs."""
