"""Tenor in Slack: mentions, direct messages, threads, buttons and the slash command, over the page's engine."""
