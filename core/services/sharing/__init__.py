"""Requests for credits, pledges, referrals and rescue."""
