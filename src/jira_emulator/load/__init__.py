"""Loading real issues (REST issue objects, one JSON object a line) into a site."""

from jira_emulator.load.loader import LoadReport, load_issues
from jira_emulator.load.source import BadLine, DataNotFoundError

__all__ = ["BadLine", "DataNotFoundError", "LoadReport", "load_issues"]
