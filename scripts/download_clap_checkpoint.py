#!/usr/bin/env python3
"""Downloads LAION-CLAP's music checkpoint, which searches by description, and its text tower."""

from __future__ import annotations

import sys

from _install_models import main

if __name__ == "__main__":
    sys.exit(main(__doc__ or "", ("clap-music", "roberta-base"), extra="clap"))
