"""What an editor can ask for by `workspace/executeCommand`: one function a command, in files by subject."""
