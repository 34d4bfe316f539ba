"""A folder of its own: Ansible loads all that lies beside its callback."""
