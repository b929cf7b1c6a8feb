"""The shapes of requests and answers: strict going in, plain going out. Pure builders, no rule lives here."""
