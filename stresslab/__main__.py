"""``python -m stresslab``: the command line."""

import sys

from stresslab.cli import main

if __name__ == "__main__":
    sys.exit(main())
