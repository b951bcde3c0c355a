"""What is done with finished runs, and with many of them: verification, batches, comparisons."""
