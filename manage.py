#!/usr/bin/env python3
import os
import sys

OWNER_COMMANDS = {"migrate", "sqlmigrate", "showmigrations", "database", "dbshell", "check"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ["DATABASE_ROLE"] = "owner"
    # Django reads what is set above.
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
