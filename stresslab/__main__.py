"""``python -m stresslab``: the command line."""

from stresslab.cli import process

if __name__ == "__main__":
    process()
