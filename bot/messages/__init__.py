"""What Slack shows: pure builders of Block Kit messages."""
