"""A stateful Jira Cloud stand-in: the same paths, answers, limits and mistakes, from memory."""
