"""The local workspace: a stand-in for Slack on loopback, with a page. The tests make it as strict as Slack is."""

from bot.workspace.api import SCOPES
from bot.workspace.board import ALEX, BOT_USER, INCIDENTS, SAM, TEAM, Message
from bot.workspace.server import CommandResult, Workspace

__all__ = ["ALEX", "BOT_USER", "INCIDENTS", "SAM", "SCOPES", "TEAM", "CommandResult", "Message", "Workspace"]
