#!/usr/bin/env python3
"""Downloads TTMR++, which the reference indexes are made of, and its text tower."""

from __future__ import annotations

import sys

from _install_models import main

if __name__ == "__main__":
    sys.exit(main(__doc__ or "", ("ttmr-pp", "roberta-base"), extra="ttmr"))
