"""The local workspace: a strict stand-in for Slack on loopback, with a page."""

from bot.workspace.api import SCOPES, Call
from bot.workspace.board import ALEX, BOT_USER, INCIDENTS, RANDOM, SAM, SECRET, TEAM, Message
from bot.workspace.server import CommandResult, Workspace

__all__ = ["ALEX", "BOT_USER", "INCIDENTS", "RANDOM", "SAM", "SCOPES", "SECRET", "TEAM", "Call", "CommandResult", "Message", "Workspace"]
