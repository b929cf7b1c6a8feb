"""What people see in Slack: pure builders of messages, tested as data."""
