"""The Slack app: knows Slack, knows no backend."""
