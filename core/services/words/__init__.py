"""What people are told, one sentence a notice, for the editor and for Slack. Pure."""
