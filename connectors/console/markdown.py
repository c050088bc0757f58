"""Pages of documentation as HTML of the console."""

from collections.abc import Callable, Iterator, Sequence

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def rendered(text: str, *, address_of: Callable[[str], str]) -> SafeString:
    """
    CommonMark with tables; HTML in it is shown as it is written.

    :param address_of: where a link to another file leads; empty: nowhere, and it is no link then
    """
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if token.children:
            token.children = list(_with_links(token.children, address_of))
    # What the renderer writes is escaped: raw HTML is switched off above.
    return SafeString(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _with_links(tokens: Sequence[Token], address_of: Callable[[str], str]) -> Iterator[Token]:
    leads_nowhere = False
    for token in tokens:
        if token.type == "link_open":
            href = str(token.attrGet("href") or "")
            address = href if "://" in href else address_of(href)
            leads_nowhere = not address
            token.attrSet("href", address)
            token.attrSet("class", "link")
        if not (leads_nowhere and token.type in ("link_open", "link_close")):
            yield token
