"""What a page loads, and what it only leads to."""

from suites.deploy.test_static import loaded_by


def test_a_page_loads_links_and_sources_once() -> None:
    page = """<link rel=stylesheet href="/a.css"><link rel="modulepreload" href="/b.js"><script src="/b.js"></script>
    <img src="/c.svg"><a href="/elsewhere">there</a><form action="/sent"></form><script>inline()</script>"""

    assert loaded_by(page) == ["/a.css", "/b.js", "/c.svg"]
