"""The investigator: knows no Slack."""
