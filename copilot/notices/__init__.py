"""Notices: questions that are asked by the calendar, and figures that are watched, delivered by mail or Slack."""
