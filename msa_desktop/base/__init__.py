"""Words every part of the program uses: standard library, numpy and pydantic only."""
