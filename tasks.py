"""The task tree. Each collection lives in `deploy/tasks/`; nothing but the tree is made here."""

import os

from invoke.collection import Collection
from invoke.exceptions import Exit

from deploy import folders
from deploy.errors import DeployError
from deploy.tasks import tree

folders.choose(os.environ)
try:
    namespace: Collection = tree()
except DeployError as error:  # e.g. a folder of DEPLOY_SYSTEMS that is not there
    raise Exit(str(error), code=error.exit_code) from None
