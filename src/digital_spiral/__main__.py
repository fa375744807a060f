"""`python -m digital_spiral` is the console script `digital-spiral`."""

from digital_spiral.bootstrap import main

if __name__ == "__main__":
    main()
