"""Members, organizations, teams, tokens, device sign-ins and freezes."""
