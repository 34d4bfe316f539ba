"""Have the user of AIRFLOW_USER in Airflow with the password of AIRFLOW_PASSWORD, which is on no command line."""

from __future__ import annotations

import os

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder


def main() -> None:
    name, password = os.environ["AIRFLOW_USER"], os.environ["AIRFLOW_PASSWORD"]
    with get_application_builder() as builder:
        manager = builder.sm
        user = manager.find_user(name)
        if user is None:
            role = manager.find_role("Admin")
            user = manager.add_user(name, "Pipeline", "Operator", f"{name}@example.com", role, password)
            if not user:
                raise SystemExit(f"could not create the user {name}")
        else:
            manager.reset_password(user.id, password)
    print(f"The user {name} is there.")


if __name__ == "__main__":
    main()
