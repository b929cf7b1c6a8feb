"""What a member has: balance, status, statement, notices; and proof that it adds up."""
