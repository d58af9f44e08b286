"""The pages of the site: those of the repository, at their places in it."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
_CARD = "genrebench/model/builtin/README.md"
_PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE", "docs/**/*", "results/**/*", _CARD)
_KINDS = {"", ".cff", ".csv", ".html", ".json", ".md", ".png", ".toml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the repository's pages and pictures instead of the files of one folder; MkDocs calls this."""
    for file in list(files.documentation_pages()) + list(files.media_files()):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    for pattern in _PAGES:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and path.suffix in _KINDS and not path.name.startswith("."):
                name = path.relative_to(ROOT).as_posix()
                files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files
