"""The audit trail: what was asked, shown, handed out and changed, by whom, in a chain that shows every later change."""
