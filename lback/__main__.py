"""`python -m lback` is `lback`, also where no scripts are on the path."""

from lback.cli.main import main

if __name__ == "__main__":
    main()
