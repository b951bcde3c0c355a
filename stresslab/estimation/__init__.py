"""One number as precisely as paths allow: variance reduction, with intervals from independent replications."""
