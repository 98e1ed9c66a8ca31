"""``python -m persist_lint`` is the command line."""

from persist_lint.faces.cli import main

if __name__ == "__main__":
    main()
