"""Credits that come in and go back: grants, allotments, voids, refunds, expiry."""
