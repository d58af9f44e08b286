"""The page on which recordings are classified, wherever its answers come from."""

from pathlib import Path

STATIC = Path(__file__).with_name("static")
# Stands in a page for the nonce, which is another one in each answer, of the style sheet that wavesurfer.js puts there.
NONCE = "<!--NONCE-->"
# Of the source of answers that the exported page has: what runs the model in the browser.
IN_BROWSER = STATIC / "browser"
# The page loads from where it is and from nowhere else, and its script runs nothing that is in a document; `blob:` is
# what somebody dropped, which is played where it is.
_POLICY = (
    "default-src 'none'; script-src 'self'{script}; style-src 'self'{nonce}; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'{more}"
)


def policy(nonce: str = "", *, in_document: bool = False) -> str:
    """Write the content security policy of a page.

    Parameters
    ----------
    nonce : str
        What style elements must carry; by default there may be none.
    in_document : bool
        Whether it stands in the page, which runs the model itself then, and not in the answer's header.
    """
    return _POLICY.format(
        nonce=f" 'nonce-{nonce}'" if nonce else "",
        script=" 'wasm-unsafe-eval'" if in_document else "",
        # what only a header may say
        more="" if in_document else "; frame-ancestors 'none'",
    )


def render_page(*, where: str, without_script: str, head: str = "") -> str:
    """Write the page, but for `NONCE`.

    Parameters
    ----------
    where : str
        Where recordings go: HTML.
    without_script : str
        What there is for who has no JavaScript: HTML.
    head : str
        What comes first in the head: HTML.
    """
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    for name, text in {"WHERE": where, "WITHOUT_SCRIPT": without_script, "HEAD": head}.items():
        page = page.replace(f"<!--{name}-->", text)
    return page
