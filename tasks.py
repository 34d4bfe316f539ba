"""The task tree. Each collection lives in `deploy/tasks/`; nothing but the tree is made here."""

from invoke.collection import Collection

from deploy.tasks import tree

namespace: Collection = tree()
