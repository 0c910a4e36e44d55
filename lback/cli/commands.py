"""The built-in commands: import path, group and summary of each.

The summaries are repeated here so that `lback --help` does not import any command.
"""

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "new": "lback.cli.scaffold:new",
    "startproject": "lback.cli.scaffold:project",
    "startapp": "lback.cli.scaffold:app",
    "runserver": "lback.cli.runserver:runserver",
    "serve": "lback.cli.serve:serve",
    "work": "lback.cli.work:work",
    "tasks": "lback.cli.tasks:tasks",
    "messages": "lback.cli.messages:messages",
    "prune": "lback.cli.prune:prune",
    "storage": "lback.cli.storage:storage",
    "realtime": "lback.cli.realtime:realtime",
    "routes": "lback.cli.routes:routes",
    "openapi": "lback.cli.openapi:openapi",
    "asyncapi": "lback.cli.asyncapi:asyncapi",
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
    "Create": {
        "new": "Create a project, or an app in one.",
        "startproject": "Create a project in a new directory.",
        "startapp": "Create an app in the project.",
    },
    "Develop": {
        "shell": "Open a Python shell with the application and its models loaded.",
        "test": "Run the project's tests with pytest.",
        "messages": "Translate the texts of the project.",
    },
    "Run": {
        "runserver": "Run the development server, which restarts on every change.",
        "serve": "Run the production server, which replaces failed workers.",
        "realtime": "Serve WebSockets and events alone, behind a proxy.",
        "work": "Run background tasks until stopped.",
        "tasks": "Inspect and control background tasks.",
        "prune": "Delete finished tasks, ended sessions and other rows that have reached their "
        "age limit.",
        "storage": "Check, copy and clean up stored files.",
    },
    "Inspect": {
        "routes": "List routes with their views, permissions and CSRF checks.",
        "openapi": "Print the OpenAPI document of the API.",
        "asyncapi": "Print the AsyncAPI document of WebSockets, events and rooms.",
        "config": "Show every setting with its value and source.",
        "signals": "List signals with their senders, arguments and receivers.",
    },
    "Database": {
        "makemigrations": "Create a migration from changes in the models.",
        "migrate": "Apply pending migrations.",
        "rollback": "Revert migrations and delete the data in tables they created.",
        "showmigrations": "List migrations and whether they are applied.",
        "init_db": "Create the database if it does not exist, and its tables.",
        "db": "Load data into the database.",
    },
    "Users": {
        "create_superuser": "Create an admin user with all permissions.",
        "reset_password": "Set a new password for a user and end all sessions.",
        "activate_user": "Allow a user to sign in again.",
        "deactivate_user": "Prevent a user from signing in without deleting the account.",
        "list_users": "List users and whether they can sign in.",
    },
    "Deploy": {
        "collectstatic": "Collect static files for production, and compile the translations.",
    },
    "Help": {
        "check": "Check that the project can start, or is ready to deploy.",
        "doctor": "Diagnose problems of the environment and the project.",
        "version": "Show the versions of Lback and its main dependencies.",
    },
}
