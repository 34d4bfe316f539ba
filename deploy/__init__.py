"""Deploy data pipelines from their checklists: the checklist is the program."""
