"""Reading files: places, faults and remedies."""
