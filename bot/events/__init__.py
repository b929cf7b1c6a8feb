"""What Slack tells without being asked, one concern a file."""
