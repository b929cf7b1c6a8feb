"""What an editor asks the sidecar to do, one file a group."""
