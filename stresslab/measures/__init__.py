"""Numbers from outcomes: probabilities with intervals, and tails."""
