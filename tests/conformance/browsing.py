"""The browser of whoever signs in at the sandbox for a conformance run."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests


def sign_in(address: str, *, user: str = "gp", patient: str = "p-adult-1", step: str = "allow") -> requests.Response:
    """Goes where a person goes from the printed address, and back to this machine."""
    page = requests.get(address, timeout=10)
    found = re.search(r'name="interaction" value="([^"]+)"', page.text)
    assert found is not None, page.text
    to = urlsplit(address)
    at = f"{to.scheme}://{to.netloc}/oauth/authorize"
    requests.post(f"{at}/sign-in", data={"interaction": found[1], "user": user}, timeout=10)
    form = {"interaction": found[1], "patient": patient}
    away = requests.post(f"{at}/{step}", data=form, allow_redirects=False, timeout=10)
    return requests.get(away.headers["Location"], timeout=10)
