"""The commands of Lback, in the order of a project's life: where each one lives, and what it does.

The summaries stand here too, so that `lback --help` imports no command.
"""

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "new": "lback.cli.scaffold:new",
    "startproject": "lback.cli.scaffold:project",
    "startapp": "lback.cli.scaffold:app",
    "runserver": "lback.cli.runserver:runserver",
    "serve": "lback.cli.serve:serve",
    "routes": "lback.cli.routes:routes",
    "config": "lback.cli.settings:config",
    "makemigrations": "lback.cli.migrate:makemigrations",
    "migrate": "lback.cli.migrate:migrate",
    "rollback": "lback.cli.migrate:rollback",
    "showmigrations": "lback.cli.migrate:showmigrations",
    "init_db": "lback.cli.migrate:init_db",
    "db": "lback.cli.migrate:db",
    "create_superuser": "lback.cli.users:create_superuser",
    "reset_password": "lback.cli.users:reset_password",
    "activate_user": "lback.cli.users:activate_user",
    "deactivate_user": "lback.cli.users:deactivate_user",
    "list_users": "lback.cli.users:list_users",
    "collectstatic": "lback.cli.static:collectstatic",
    "signals": "lback.cli.signals:signals",
    "shell": "lback.cli.shell:shell",
    "test": "lback.cli.run_tests:test",
    "check": "lback.cli.check:check",
    "doctor": "lback.cli.doctor:doctor",
    "version": "lback.cli.version:version",
}

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Begin": {
        "new": "Make a project, or an app in one.",
        "startproject": "Make a project in a folder of its own.",
        "startapp": "Make an app in the project.",
    },
    "Work": {
        "shell": "Open Python with the application and its models at hand.",
        "test": "Run the tests of the project with pytest.",
    },
    "Run": {
        "runserver": "Serve for development: starts anew on every change.",
        "serve": "Serve in production, with workers that are replaced.",
    },
    "Look": {
        "routes": "Show which address leads where, and who is let in.",
        "config": "Show every setting, its value, and where it came from.",
        "signals": "Show every signal: who sends it, when, with what, and who hears it.",
    },
    "Keep": {
        "makemigrations": "Write what changed in the models as a migration.",
        "migrate": "Apply the migrations that the database lacks.",
        "rollback": "Undo migrations, with what is in the tables that they made.",
        "showmigrations": "Show all migrations, and which ones the database has.",
        "init_db": "Make the database where it is missing, and its tables.",
        "db": "Fill the database.",
    },
    "Let in": {
        "create_superuser": "Make a user of the admin who may do everything.",
        "reset_password": "Give a user a new password; sessions that are open end.",
        "activate_user": "Let a user sign in again.",
        "deactivate_user": "Keep a user from signing in; the account stays.",
        "list_users": "Show who may sign in.",
    },
    "Deploy": {
        "collectstatic": "Collect the static files for production.",
    },
    "Help": {
        "check": "Check whether the project can start, or be deployed.",
        "doctor": "Look at machine and project, and tell what ails them.",
        "version": "Show the versions of Lback and of what it stands on.",
    },
}
