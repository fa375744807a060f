"""The one place that chooses the HTTP library: everything else imports ``httpx`` from here."""

import httpx2 as httpx

__all__ = ["httpx"]
